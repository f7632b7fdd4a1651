import { expect, test } from "vitest";
import { bothProblem, captureProblem, screenProblem } from "../../src/words/capture";

test.each([
  ["NotAllowedError", "Camera refused"],
  ["NotFoundError", "No camera found"],
  ["NotReadableError", "Camera in use"],
  ["DeviceLostError", "Camera unplugged"],
  ["InsecureContextError", "Camera refused"],
  ["TypeError", "Camera did not start"],
])("%s of a camera is named: %s", (name, title) => {
  const problem = captureProblem("camera", name);
  expect(problem.title).toBe(title);
  expect(problem.words).toMatch(/[.]$/);
});

test("a microphone is called a microphone", () => {
  expect(captureProblem("microphone", "NotAllowedError")).toEqual({
    title: "Microphone refused",
    words: "Allow the microphone for this page in your browser's address bar, then try again.",
  });
});

test("a refusal of both says how to allow both", () => {
  expect(bothProblem("NotAllowedError").words).toMatch(/^Allow camera and microphone/);
  expect(bothProblem("NotFoundError").title).toBe("No camera and no microphone found");
  expect(bothProblem("NotReadableError").words).toMatch(/Another program/);
});

test("a person who does not choose a screen is told nothing", () => {
  expect(screenProblem("NotAllowedError")).toBeUndefined();
  expect(screenProblem("NotSupportedError")).toBe("This browser cannot share a screen.");
  expect(screenProblem("AbortError")).toMatch(/Try again/);
});
