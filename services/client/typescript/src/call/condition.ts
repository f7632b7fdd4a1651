/** What moderators decide of a room, and who waits to be let in: pure functions over immutable values. */

import type { RoomState, SignalingEvent, WaitingPeer } from "../signaling/message.js";

/** How the room is. Only moderators are told who waits; the order is that of their coming. */
export interface RoomCondition {
  /** Nobody new is let in. */
  locked: boolean;
  /** By peer id. */
  waiting: ReadonlyMap<string, WaitingPeer>;
}

export const NO_CONDITION: RoomCondition = { locked: false, waiting: new Map() };

export function conditionOf({ roomConfig, waiting = [] }: RoomState): RoomCondition {
  return {
    locked: roomConfig.locked,
    waiting: new Map(waiting.map((peer) => [peer.peerId, peer])),
  };
}

/** The condition after an event; the same object where the event does not concern it. */
export function applyToCondition(room: RoomCondition, event: SignalingEvent): RoomCondition {
  switch (event.type) {
    case "room:locked":
    case "room:unlocked":
      return { ...room, locked: event.type === "room:locked" };
    case "participant:waiting":
      return { ...room, waiting: new Map(room.waiting).set(event.payload.peerId, event.payload) };
    case "participant:joined":
      return withoutWaiting(room, event.payload.participant.peerId);
    case "participant:left":
      return withoutWaiting(room, event.payload.peerId);
    default:
      return room;
  }
}

function withoutWaiting(room: RoomCondition, peerId: string): RoomCondition {
  if (!room.waiting.has(peerId)) return room;
  const waiting = new Map(room.waiting);
  waiting.delete(peerId);
  return { ...room, waiting };
}
