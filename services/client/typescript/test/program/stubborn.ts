/**
 * A client of the library for a test that breaks its connections, which is another program's: see
 * tests/contract/gateway/test_cut_typescript.py. Lines of JSON, in and out:
 *
 * - argument: `{url, token, roomId, displayName}`.
 * - in: requests, `[[type, payload], …]`, asked all at once; in the next line another batch. A number
 *   instead: report as soon as the events up to this one have come and everything is answered.
 * - out: `"joined"`; the report. It stays in the room until there is nothing more to read.
 */

import { createInterface } from "node:readline";
import { SignalingClient } from "../../src/signaling/client.js";
import { CallError } from "../../src/signaling/error.js";
import type { RequestPayload, RequestType } from "../../src/signaling/message.js";

type Batch = [RequestType, RequestPayload<RequestType>][];

// Instead of the back-off, which spares a server that many clients have lost.
const AGAIN_AFTER_MS = 5;

const report = {
  /** In the order of asking: the reply, or why there was none. */
  answers: [] as unknown[],
  /** With a number in the log, in the order of coming. */
  events: [] as { type: string; payload: unknown; seq: number }[],
  /** Of each `room:state`. */
  states: [] as number[],
  connections: [] as string[],
  endings: [] as unknown[],
};
let open = 0;
let wanted = Number.POSITIVE_INFINITY;

const { url, token, roomId, displayName } = JSON.parse(process.argv[2] ?? "{}");
const client = new SignalingClient({
  url,
  token,
  roomId,
  displayName,
  onAuthenticated: () => {},
  onWaiting: () => {},
  onState: ({ seq }) => {
    report.states.push(seq);
    if (report.states.length === 1) say("joined");
  },
  onEvent: ({ type, payload, seq }) => {
    if (seq !== undefined) report.events.push({ type, payload, seq });
    reportIfDone();
  },
  onConnection: (connection) => report.connections.push(connection),
  onEnded: (ending) => {
    report.endings.push(ending);
    say(report);
  },
});
const timer = setInterval(() => {
  if (report.connections.at(-1) === "lost") client.probe();
}, AGAIN_AFTER_MS);
const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const told: Batch | number = JSON.parse(line);
  if (typeof told === "number") wanted = told;
  else for (const [type, payload] of told) void ask(type, payload);
  reportIfDone();
});
lines.on("close", () => {
  clearInterval(timer);
  client.leave();
});

async function ask(type: RequestType, payload: RequestPayload<RequestType>): Promise<void> {
  const place = report.answers.push(undefined) - 1;
  open += 1;
  try {
    report.answers[place] = await client.request(type, payload);
  } catch (error) {
    report.answers[place] = { error: CallError.from(error).reason };
  }
  open -= 1;
  reportIfDone();
}

function reportIfDone(): void {
  if (open > 0 || (report.events.at(-1)?.seq ?? 0) < wanted) return;
  wanted = Number.POSITIVE_INFINITY;
  say(report);
}

function say(words: unknown): void {
  process.stdout.write(`${JSON.stringify(words)}\n`);
}
