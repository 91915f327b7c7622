/** What was opened, to be closed in reverse order. */
export class ClosingOrder {
  readonly #opened: (() => Promise<void>)[] = [];

  /** To be closed before all that was added earlier. */
  add(close: () => Promise<void>): void {
    this.#opened.push(close);
  }

  /** Closes what is left; again, does nothing. */
  async closeAll(): Promise<void> {
    for (let close = this.#opened.pop(); close !== undefined; close = this.#opened.pop()) await close();
  }
}
