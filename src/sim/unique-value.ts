/**
 * Values that say who wrote them: no two operations write the same bytes, and a value that was torn or
 * mixed from two is recognised.
 *
 *   "<operation id>/<length>/" followed by bytes that depend on both and on their position
 */

/** Shortest value: room for its name. */
export const uniqueValueBytesMin = 20;

/** The value that operation `id` writes, `length` bytes long (at least `uniqueValueBytesMin`). */
export function uniqueValue(id: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const name = `${id}/${length}/`;
  for (let index = 0; index < length; index++) {
    bytes[index] =
      index < name.length ? name.charCodeAt(index) : (id * 31 + index * 7 + (index >>> 8)) & 0xff;
  }
  return bytes;
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
