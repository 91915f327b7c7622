/**
 * Latencies in buckets whose width grows with the value: constant memory, and every percentile is
 * right to 3 %, however long the tail.
 *
 * Source: Gil Tene's HdrHistogram, reduced to counting. A value in microseconds falls into one of
 * `subBuckets` linear parts of its power of two; below `subBuckets` it is exact. A percentile is the upper end of its
 * bucket, so it never flatters.
 */

const subBucketBits = 5;
const subBuckets = 1 << subBucketBits;
/** Values up to 2^36 µs, nineteen hours; longer ones count as that. */
const valueBitsMax = 36;
const bucketCount = (valueBitsMax - subBucketBits + 1) * subBuckets;
const valueMax = 2 ** valueBitsMax - 1;

export class LogHistogram {
  readonly #counts = new Float64Array(bucketCount);
  #total = 0;
  #max = 0;

  get count(): number {
    return this.#total;
  }

  /** The greatest value, exactly. */
  get max(): number {
    return this.#max;
  }

  /** Counts a value of at least 0; fractions are cut off. */
  record(value: number): void {
    const whole = Math.min(valueMax, Math.max(0, Math.floor(value)));
    this.#counts[bucketOf(whole)] = (this.#counts[bucketOf(whole)] ?? 0) + 1;
    this.#total += 1;
    if (whole > this.#max) this.#max = whole;
  }

  /** Counts all that another has counted. */
  add(other: LogHistogram): void {
    other.#counts.forEach((count, bucket) => {
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    });
    this.#total += other.#total;
    this.#max = Math.max(this.#max, other.#max);
  }

  /** Buckets that have counts, by their number: what `addCounts` takes. */
  buckets(): (readonly [bucket: number, count: number])[] {
    return Array.from(this.#counts.entries()).filter(([, count]) => count > 0);
  }

  /** Counts what a histogram of another process has counted. */
  addCounts(buckets: readonly (readonly [bucket: number, count: number])[], max: number): void {
    for (const [bucket, count] of buckets) {
      if (!(bucket in this.#counts)) throw new RangeError(`there is no bucket ${bucket}`);
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#total += count;
    }
    this.#max = Math.max(this.#max, max);
  }

  /** The smallest bucket end that at least this share (0 to 1) of the values does not exceed; 0 when empty. */
  percentile(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= wanted) return Math.min(this.#max, upperEndOf(bucket));
    }
    return this.#max;
  }
}

function bucketOf(value: number): number {
  if (value < subBuckets) return value;
  // Not by bit operations: values may have more than 32 bits.
  const exponent = Math.floor(Math.log2(value)) - subBucketBits;
  return (exponent + 1) * subBuckets + (Math.floor(value / 2 ** exponent) - subBuckets);
}

function upperEndOf(bucket: number): number {
  if (bucket < subBuckets) return bucket;
  const exponent = Math.floor(bucket / subBuckets) - 1;
  return (subBuckets + (bucket % subBuckets) + 1) * 2 ** exponent - 1;
}
