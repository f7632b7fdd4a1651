/** How long to wait before another try. Pure: the random number is an argument. */

const FIRST_MS = 500;
const LONGEST_MS = 5000;

/**
 * Milliseconds before the try after `failures` failed ones in a row (1 or more), at least `leastMs`.
 * The wait doubles up to 5 s; `random` (0 to 1) spreads it, so that the clients of a server that went
 * down do not come back all at once.
 */
export function backoffMs(failures: number, random: number, leastMs = 0): number {
  const fullMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  return Math.round(Math.max(fullMs * (0.5 + random / 2), leastMs * (1 + random / 2)));
}
