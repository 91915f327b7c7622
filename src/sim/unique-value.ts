/**
 * Values that say who wrote them: no two operations write the same bytes, and a value that was torn or
 * mixed from two is recognised.
 *
 *   "<operation id>/<length>/" followed by bytes drawn from a generator that the id seeds
 *
 * The id is mixed before it seeds anything: with bytes that were a mere sum of id and position, two ids
 * a multiple of 256 apart had the same bytes after the name, and one flipped digit named another writer.
 */

/** Shortest value: room for its name. */
export const uniqueValueBytesMin = 20;

/** The value that operation `id` writes, `length` bytes long (at least `uniqueValueBytesMin`). */
export function uniqueValue(id: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const name = `${id}/${length}/`;
  for (let index = 0; index < name.length; index++) bytes[index] = name.charCodeAt(index);
  let state = mixed(id);
  for (let index = name.length; index < length; index++) {
    // The linear congruential generator of Numerical Recipes; its top byte is its best.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** The finaliser of murmur3: a bijection of 32 bits in which every bit of `id` moves every other. */
function mixed(id: number): number {
  let bits = Math.imul(id ^ (id >>> 16), 0x85eb_ca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2_ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** The operation that wrote these very bytes; undefined when none can have. */
export function writerOf(bytes: Uint8Array): number | undefined {
  const name = String.fromCharCode(...bytes.subarray(0, uniqueValueBytesMin));
  const match = /^(\d+)\/(\d+)\//.exec(name);
  if (match === null) return undefined;
  const id = Number(match[1]);
  if (Number(match[2]) !== bytes.length) return undefined;
  const expected = uniqueValue(id, bytes.length);
  return expected.every((byte, index) => byte === bytes[index]) ? id : undefined;
}
