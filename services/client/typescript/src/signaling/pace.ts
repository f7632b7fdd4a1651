/**
 * Token bucket that keeps a client below the server's message limit (50 a second, burst of 100).
 * Pure: time is an argument.
 */
export class Pace {
  #tokens: number;
  #atMs: number;

  constructor(
    nowMs: number,
    private readonly perSecond = 40,
    private readonly burst = 80,
  ) {
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  /** Takes one token. Returns 0, or the milliseconds to wait before asking again. */
  take(nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#tokens = Math.min(this.burst, this.#tokens + (elapsedMs * this.perSecond) / 1000);
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.#tokens) * 1000) / this.perSecond);
  }
}
