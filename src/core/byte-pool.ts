/**
 * Short byte arrays, cut from shared slabs.
 *
 * An array of more than 64 bytes of its own has its bytes outside the heap: allocating, registering and freeing
 * them costs a microsecond or more, a piece of a slab some 50 ns. The bytes are zero and nobody else's; nothing is
 * ever given back, a slab goes when its last piece has gone. So what lives long must not come from here: a
 * single key would keep a slab.
 */

const slabBytes = 16 * 1024;
/** Longer ones cost little beside what is done with them, and would waste the ends of slabs. */
const pieceBytesMax = 1024;

let slab = new ArrayBuffer(slabBytes);
let taken = 0;

/** `length` zero bytes, in a buffer that others use too: mind `byteOffset`. */
export function takeBytes(length: number): Uint8Array {
  if (length > pieceBytesMax) return new Uint8Array(length);
  if (taken + length > slabBytes) {
    slab = new ArrayBuffer(slabBytes);
    taken = 0;
  }
  const piece = new Uint8Array(slab, taken, length);
  // Pieces begin at words, as arrays of their own do.
  taken += (length + 7) & ~7;
  return piece;
}

/** Less is not worth the call. */
const givenBackBytesMin = 32 * 1024;

/**
 * Frees the memory of a long array at once, if it has a buffer to itself; whoever still has a view of it sees it empty. Left to
 * the collector it would stay until the next collection, and the collector runs the more often the more of that there
 * is: with a few long values a second, all the time.
 */
export function giveBack(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < givenBackBytesMin || bytes.length !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
