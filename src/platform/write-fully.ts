/**
 * Writes all of a list of chunks although the operating system may take only part of it at a time.
 *
 * A short write is legal and happens just before a disk is full or a file reaches its size limit; the
 * attempt at the rest then says why. A system that takes nothing and gives no reason ends in an
 * error instead of a loop.
 */

/** One write call at a position; resolves to the bytes taken, which may be fewer than offered. */
export type WriteSome = (chunks: readonly Uint8Array[], position: number) => Promise<number>;

/** Resolves once every byte of `chunks` was taken; rejects as `writeSome` does. */
export async function writeFully(
  writeSome: WriteSome,
  chunks: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = chunks;
  let restBytes = byteLengthOf(chunks);
  let restPosition = position;
  while (restBytes > 0) {
    const taken = await writeSome(rest, restPosition);
    if (taken <= 0) throw new Error(`the operating system took none of ${restBytes} bytes`);
    restBytes -= taken;
    restPosition += taken;
    if (restBytes > 0) rest = withoutFirst(taken, rest);
  }
}

function byteLengthOf(chunks: readonly Uint8Array[]): number {
  let total = 0;
  for (const chunk of chunks) total += chunk.length;
  return total;
}

function withoutFirst(count: number, chunks: readonly Uint8Array[]): readonly Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const chunk of chunks) {
    if (skip < chunk.length) rest.push(chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return rest;
}
