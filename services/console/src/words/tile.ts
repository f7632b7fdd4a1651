/** What is said of another peer: pure functions from what is known to words. */

import { type Participant, type ProducerInfo, type Source, sourceOf } from "@invigil/client";
import type { Statement } from "./call";

/** Whether frames arrive: none so far, arriving, or no longer. */
export type Picture = "none" | "playing" | "stalled";

export interface TileStatement extends Statement {
  connection: "ok" | "lost" | "paused";
  microphone: "on" | "muted" | "none";
  screen: "on" | "off";
  hand: "up" | "down";
}

export function producerOf(participant: Participant, source: Source): ProducerInfo | undefined {
  // The newest, where there are several of one source.
  return participant.producers.findLast((producer) => sourceOf(producer) === source);
}

/**
 * Who has a tile: a person who came back anew does not stand twice, once more as the connection that
 * was lost and whose seat the server still keeps.
 */
export function seated(participants: readonly Participant[]): Participant[] {
  const connected = participants.filter(({ connection }) => connection === "ok");
  const present = new Set(connected.map(({ userId }) => userId));
  return participants.filter(
    ({ connection, userId }) => connection === "ok" || !present.has(userId),
  );
}

/** What a tile says about the peer in it. */
export function tileStatement(participant: Participant, picture: Picture): TileStatement {
  const camera = producerOf(participant, "camera");
  const audio = producerOf(participant, "microphone");
  const microphone = audio ? (audio.paused ? "muted" : "on") : "none";
  const screen = producerOf(participant, "screen") ? "on" : "off";
  const hand = participant.handRaised ? "up" : "down";
  const known = { microphone, screen, hand } as const;
  if (participant.connection === "lost") {
    return { connection: "lost", ...known, tone: "bad", words: "Connection lost" };
  }
  if (camera?.paused) {
    const words = camera.muted ? "Camera paused by a proctor" : "Camera off";
    return { connection: "paused", ...known, tone: "warning", words };
  }
  const statement =
    participant.role === "candidate"
      ? candidatePicture(camera, picture)
      : proctorPicture(camera, picture, microphone === "on");
  return { connection: "ok", ...known, ...statement };
}

function candidatePicture(camera: ProducerInfo | undefined, picture: Picture): Statement {
  if (!camera) return { tone: "busy", words: "Waiting for camera" };
  return pictureStatement(picture);
}

function proctorPicture(
  camera: ProducerInfo | undefined,
  picture: Picture,
  speaks: boolean,
): Statement {
  if (camera) return pictureStatement(picture);
  return speaks ? { tone: "good", words: "Speaking to you" } : { tone: "quiet", words: "Watching" };
}

function pictureStatement(picture: Picture): Statement {
  if (picture === "none") return { tone: "busy", words: "Waiting for picture" };
  if (picture === "stalled") return { tone: "warning", words: "Picture has stopped" };
  return { tone: "good", words: "Live" };
}

/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined];
  return letters
    .map((word) => Array.from(word ?? "")[0] ?? "")
    .join("")
    .toUpperCase();
}

const HUES = 6;

/** One of six colours that a name keeps. */
export function hueOf(name: string): number {
  // FNV-1a: names that differ in a letter differ in colour too.
  let hash = 0x811c9dc5;
  for (const character of name) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return (hash >>> 16) % HUES;
}

/** Whether a name is meant by what was typed: each word begins one of the name's, accents aside. */
export function isMeant(name: string, typed: string): boolean {
  const words = folded(name).split(/\s+/);
  return folded(typed)
    .split(/\s+/)
    .every((part) => words.some((word) => word.startsWith(part)));
}

const folded = (text: string) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
