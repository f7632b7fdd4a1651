import { CallError } from "@invigil/client";
import { expect, test } from "vitest";
import { handWords, isTooLong, speechProblem, textOf, titleWords } from "../../src/words/message";

test("a message of a page is its text", () => {
  expect(textOf({ text: "Please turn the camera." })).toBe("Please turn the camera.");
  expect(textOf("Please turn the camera.")).toBe("Please turn the camera.");
});

test.each([
  [{ text: 7 }, '{"text":7}'],
  [{ html: "<b>now</b>" }, '{"html":"<b>now</b>"}'],
  [["a", null], '["a",null]'],
  [0, "0"],
  [false, "false"],
])("a body that is no text is shown as it is: %j", (body, shown) => {
  expect(textOf(body)).toBe(shown);
});

test("a message is as long as its JSON in UTF-8, of which the server takes 4 KiB", () => {
  // {"text":""} has 11 bytes.
  expect(isTooLong("a".repeat(4085))).toBe(false);
  expect(isTooLong("a".repeat(4086))).toBe(true);
  expect(isTooLong("é".repeat(2042))).toBe(false);
  expect(isTooLong("é".repeat(2043))).toBe(true);
  expect(isTooLong("\n".repeat(2043))).toBe(true);
});

test("what was not sent says why: too fast, and not that the server is busy; or to one who has left", () => {
  const tooFast = new CallError("RATE_LIMITED", "TOO_MUCH_SAID", "5 a second");
  expect(speechProblem(tooFast)).toBe("That was too fast. Wait a moment, then try again.");
  const gone = new CallError("NOT_FOUND", "PEER_NOT_FOUND", "");
  expect(speechProblem(gone)).toBe("They have left.");
  expect(speechProblem(new CallError("TIMEOUT", "", ""))).toBe("The server does not answer.");
});

test("a hand's switch says what a press does", () => {
  expect(handWords(false)).toBe("Raise hand");
  expect(handWords(true)).toBe("Lower hand");
});

test("the title of a page that is out of sight counts what is unread", () => {
  expect(titleWords("Candidate · Invigil", 0)).toBe("Candidate · Invigil");
  expect(titleWords("Candidate · Invigil", 2)).toBe("(2) Candidate · Invigil");
});
