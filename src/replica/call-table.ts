/**
 * Calls under way, by the sequence number that their replies carry.
 *
 * A number is the place in a ring, and is skipped while a longer call has that place. A `Map` would do, but for
 * the collector: a hash table whose entries come and go by the ten thousand is built anew all the time, each
 * old table leads to the next, and once one of them is old itself everything that was ever under way
 * survives until the next full collection. Measured: of what a busy node allocated, a third was copied twice for
 * nothing.
 */

const placesMin = 64;

export class CallTable<Call extends { readonly sequence: number }> {
  #places: (Call | undefined)[] = emptyPlaces(placesMin);
  #count = 0;
  #sequence = 0;

  /** A number that no call under way has; `add` may follow before the next is asked for. */
  nextSequence(): number {
    if (2 * this.#count >= this.#places.length) this.#grow();
    const mask = this.#places.length - 1;
    do {
      this.#sequence = (this.#sequence + 1) >>> 0;
    } while (this.#places[this.#sequence & mask] !== undefined);
    return this.#sequence;
  }

  /** Adds the call with the latest number. */
  add(call: Call): void {
    this.#places[call.sequence & (this.#places.length - 1)] = call;
    this.#count++;
  }

  get(sequence: number): Call | undefined {
    const call = this.#places[sequence & (this.#places.length - 1)];
    return call?.sequence === sequence ? call : undefined;
  }

  delete(call: Call): void {
    const place = call.sequence & (this.#places.length - 1);
    if (this.#places[place] !== call) return;
    this.#places[place] = undefined;
    this.#count--;
  }

  /** All calls, the oldest first. */
  all(): Call[] {
    const calls = this.#places.filter((call) => call !== undefined);
    return calls.sort((left, right) => this.#ageOf(right) - this.#ageOf(left));
  }

  /** How many numbers were given after this call's; numbers begin anew after 2^32. */
  #ageOf(call: Call): number {
    return (this.#sequence - call.sequence) >>> 0;
  }

  #grow(): void {
    const calls = this.all();
    for (let length = this.#places.length * 2; ; length *= 2) {
      this.#places = emptyPlaces(length);
      if (calls.every((call) => this.#placeAgain(call))) return;
    }
  }

  #placeAgain(call: Call): boolean {
    const place = call.sequence & (this.#places.length - 1);
    if (this.#places[place] !== undefined) return false;
    this.#places[place] = call;
    return true;
  }
}

function emptyPlaces(length: number): undefined[] {
  return new Array<undefined>(length).fill(undefined);
}
