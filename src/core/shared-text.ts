/**
 * Short texts that nearly all records share, such as their actors and content types: made once, and found again by
 * their bytes. Making a string is most of what decoding a short record costs, and equal strings that are one object compare at once.
 */

type IsAllowed = (code: number) => boolean;

const places = 256;

export class SharedTexts {
  readonly #isAllowed: IsAllowed;
  /** The text that was read last of those that fall on each place. */
  readonly #texts = new Array<string>(places).fill('');

  /** `isAllowed` tells which bytes, as characters, a text may have. */
  constructor(isAllowed: IsAllowed) {
    this.#isAllowed = isAllowed;
  }

  /** The text of these bytes, or undefined when one of them is not allowed; the caller has checked the bounds. */
  read(bytes: Uint8Array, offset: number, length: number): string | undefined {
    if (length === 0) return '';
    const place = placeOf(bytes, offset, length);
    const known = this.#texts[place] ?? '';
    if (known.length === length && holds(bytes, offset, known)) return known;
    let text = '';
    for (let index = 0; index < length; index++) {
      const code = bytes[offset + index] ?? 0;
      if (!this.#isAllowed(code)) return undefined;
      text += String.fromCharCode(code);
    }
    this.#texts[place] = text;
    return text;
  }
}

/** Actors of one cluster differ at their ends, content types in their length. */
function placeOf(bytes: Uint8Array, offset: number, length: number): number {
  const last = offset + length - 1;
  return ((bytes[last] ?? 0) * 31 + (bytes[last - (length >>> 1)] ?? 0) * 7 + length) & (places - 1);
}

function holds(bytes: Uint8Array, offset: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (bytes[offset + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
