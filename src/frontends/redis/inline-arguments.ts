/**
 * The words of an inline command, what a person types into telnet: blanks separate, quotes hold together.
 *
 * The rules are those of Redis (`sdssplitargs`): in double quotes `\xff`, `\n`, `\r`, `\t`, `\b` and `\a` are
 * escapes and a backslash takes any other character as it is; in single quotes only `\'` is one. A
 * closing quote must be followed by a blank or the end.
 */

const backslash = 0x5c;
const doubleQuote = 0x22;
const singleQuote = 0x27;
const escapes: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, b: 0x08, a: 0x07 };

/** The words of a line without its end; undefined when its quotes do not pair up. */
export function splitInlineArguments(line: Buffer): Buffer[] | undefined {
  const words: Buffer[] = [];
  let index = 0;
  for (;;) {
    while (index < line.length && isBlank(line[index])) index++;
    if (index >= line.length) return words;
    const bytes: number[] = [];
    while (index < line.length && !isBlank(line[index])) {
      const quote = line[index];
      if (quote !== doubleQuote && quote !== singleQuote) {
        bytes.push(line[index++] ?? 0);
        continue;
      }
      const end = readQuoted(line, index + 1, quote, bytes);
      if (end === undefined || (end < line.length && !isBlank(line[end]))) return undefined;
      index = end;
    }
    words.push(Buffer.from(bytes));
  }
}

/** Appends what the quotes hold; returns where it goes on behind the closing one, undefined without one. */
function readQuoted(line: Buffer, start: number, quote: number, bytes: number[]): number | undefined {
  let index = start;
  while (index < line.length) {
    const byte = line[index] ?? 0;
    if (byte === quote) return index + 1;
    if (byte !== backslash || index + 1 >= line.length) {
      bytes.push(byte);
      index++;
    } else if (quote === singleQuote) {
      const escaped = line[index + 1] === singleQuote;
      bytes.push(escaped ? singleQuote : backslash);
      index += escaped ? 2 : 1;
    } else {
      index += readEscape(line, index, bytes);
    }
  }
  return undefined;
}

/** Appends the byte that an escape stands for; returns how many characters it took. */
function readEscape(line: Buffer, index: number, bytes: number[]): number {
  const hexadecimal = /^\\x([0-9a-fA-F]{2})/.exec(line.toString('latin1', index, index + 4))?.[1];
  if (hexadecimal !== undefined) {
    bytes.push(Number.parseInt(hexadecimal, 16));
    return 4;
  }
  const letter = line[index + 1] ?? 0;
  bytes.push(escapes[String.fromCharCode(letter)] ?? letter);
  return 2;
}

/** What `isspace` of C takes for one. */
function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);
}
