import { expect, test } from "vitest";
import { RateMeter } from "../../src/call/statistics.js";

function report(timestamp: number, bytes: readonly number[], more: object = {}) {
  return new Map(
    bytes.map((bytesSent, index) => [
      `out${index}`,
      {
        id: `out${index}`,
        type: "outbound-rtp",
        rid: `r${index}`,
        timestamp,
        bytesSent,
        frameWidth: 320 * 2 ** index,
        frameHeight: 180 * 2 ** index,
        framesPerSecond: 24,
        ...more,
      },
    ]),
  );
}

test("rates are those since the reading before", () => {
  const meter = new RateMeter();
  expect(meter.read("video", report(1000, [0, 0, 0])).bitrate).toBe(0);
  const { bitrate, layers } = meter.read("video", report(3000, [50_000, 100_000, 250_000]));
  expect(bitrate).toBe(1_600_000);
  expect(layers.map(({ rid, width, bitrate }) => [rid, width, bitrate])).toEqual([
    ["r0", 320, 200_000],
    ["r1", 640, 400_000],
    ["r2", 1280, 1_000_000],
  ]);
});

test("a layer counts as sent where the browser says so, or where bytes flow", () => {
  const meter = new RateMeter();
  meter.read("video", report(0, [0, 0]));
  const active = (more: object) =>
    meter.read("video", report(1000, [10_000, 0], more)).layers.map((layer) => layer.active);
  expect(active({})).toEqual([true, false]);
  expect(active({ active: true })).toEqual([true, true]);
});

test("a counter that starts anew is no negative rate", () => {
  const meter = new RateMeter();
  meter.read("audio", report(0, [90_000]));
  expect(meter.read("audio", report(1000, [100]))).toEqual({
    kind: "audio",
    bitrate: 0,
    layers: [],
  });
});

test("readings in the same instant give the same rate", () => {
  const meter = new RateMeter();
  meter.read("audio", report(0, [0]));
  expect(meter.read("audio", report(1000, [4000])).bitrate).toBe(32_000);
  expect(meter.read("audio", report(1010, [4000])).bitrate).toBe(32_000);
});

test("nothing sent is nothing", () => {
  expect(new RateMeter().read("video", undefined)).toEqual({
    kind: "video",
    bitrate: 0,
    layers: [],
  });
});
