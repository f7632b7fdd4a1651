/**
 * Brings another side to what is wished here. One message is under way at a time; of wishes that
 * change meanwhile only the last is told.
 */
export class Agreement<T> {
  readonly #tell: (value: T) => Promise<unknown>;
  readonly #onRefused: (error: unknown, value: T) => void;
  #wished: T;
  #told: T;
  #telling = false;
  #closed = false;

  /** `told` is what the other side believes. What it refuses is not told again until it changes. */
  constructor(
    told: T,
    tell: (value: T) => Promise<unknown>,
    onRefused: (error: unknown, value: T) => void,
  ) {
    this.#wished = told;
    this.#told = told;
    this.#tell = tell;
    this.#onRefused = onRefused;
  }

  wish(value: T): void {
    this.#wished = value;
    if (!this.#telling) void this.#settle();
  }

  /** Nothing more is told, and refusals no longer count. */
  close(): void {
    this.#closed = true;
  }

  async #settle(): Promise<void> {
    this.#telling = true;
    while (!this.#closed && this.#wished !== this.#told) {
      const value = this.#wished;
      this.#told = value;
      try {
        await this.#tell(value);
      } catch (error) {
        if (!this.#closed) this.#onRefused(error, value);
      }
    }
    this.#telling = false;
  }
}
