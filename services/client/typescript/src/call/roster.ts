/** Who is in the room and what they publish: pure functions over immutable values. */

import type { Participant, ProducerInfo, SignalingEvent } from "../signaling/message.js";

/** Participants by peer id, in the order in which they were first heard of. */
export type Roster = ReadonlyMap<string, Participant>;

export const EMPTY_ROSTER: Roster = new Map();

export function rosterOf(participants: readonly Participant[]): Roster {
  return new Map(participants.map((participant) => [participant.peerId, participant]));
}

/** The roster after an event; the same object where the event does not concern it. */
export function applyEvent(roster: Roster, event: SignalingEvent): Roster {
  switch (event.type) {
    case "participant:joined":
    case "participant:updated":
      return new Map(roster).set(event.payload.participant.peerId, event.payload.participant);
    case "participant:left":
      return without(roster, event.payload.peerId);
    case "producer:new": {
      const { peerId, ...producer } = event.payload;
      return withProducers(roster, peerId, (producers) => [
        ...producers.filter((other) => other.producerId !== producer.producerId),
        producer,
      ]);
    }
    case "producer:paused":
      return withPaused(roster, event.payload.producerId, true, event.payload.muted);
    case "producer:resumed":
      return withPaused(roster, event.payload.producerId, false);
    case "producer:closed": {
      const { producerId } = event.payload;
      return withProducers(roster, ownerOf(roster, producerId), (producers) =>
        producers.filter((producer) => producer.producerId !== producerId),
      );
    }
    default:
      return roster;
  }
}

function without(roster: Roster, peerId: string): Roster {
  if (!roster.has(peerId)) return roster;
  const rest = new Map(roster);
  rest.delete(peerId);
  return rest;
}

function withPaused(roster: Roster, producerId: string, paused: boolean, muted = false): Roster {
  const change = ({ muted: _, ...producer }: ProducerInfo): ProducerInfo => ({
    ...producer,
    paused,
    ...(muted && { muted }),
  });
  return withProducers(roster, ownerOf(roster, producerId), (producers) =>
    producers.map((producer) => (producer.producerId === producerId ? change(producer) : producer)),
  );
}

function withProducers(
  roster: Roster,
  peerId: string | undefined,
  change: (producers: ProducerInfo[]) => ProducerInfo[],
): Roster {
  const participant = peerId === undefined ? undefined : roster.get(peerId);
  if (!participant) return roster;
  const changed = { ...participant, producers: change(participant.producers) };
  return new Map(roster).set(participant.peerId, changed);
}

function ownerOf(roster: Roster, producerId: string): string | undefined {
  for (const participant of roster.values()) {
    if (participant.producers.some((producer) => producer.producerId === producerId)) {
      return participant.peerId;
    }
  }
  return undefined;
}
