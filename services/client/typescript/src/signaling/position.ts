/** Where a session stands in the log of its state events: pure. */

export interface Position {
  /** Of the room's life on one worker. */
  epoch: string;
  /** Of the last state event that has arrived, or of the snapshot. */
  seq: number;
}

/**
 * - `next`: to be told, and the position goes on.
 * - `old`: told before, or part of the snapshot.
 * - `gap`: something is missing between.
 */
export type Verdict = "next" | "old" | "gap";

/** How an event with a number relates to what has been told. */
export function judge(at: Position, event: { epoch?: string | undefined; seq: number }): Verdict {
  if (event.epoch !== undefined && event.epoch !== at.epoch) return "gap";
  if (event.seq <= at.seq) return "old";
  return event.seq === at.seq + 1 ? "next" : "gap";
}
