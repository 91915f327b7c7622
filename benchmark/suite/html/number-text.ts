/** Figures as people read them: three digits that mean something, and units where they are long. */

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const gibibyte = 1024 * mebibyte;

/** `12,300`, `45.6`, `0.0789`. */
export function numberText(value: number): string {
  if (value === 0) return '0';
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 1_000 ? rounded.toLocaleString('en-US') : String(rounded);
}

/** `12.3k`, for the ends of axes. */
export function shortText(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

/** `64 KiB`, for lengths that are powers of two, and what comes near. */
export function bytesText(value: number): string {
  if (value >= gibibyte) return `${numberText(value / gibibyte)} GiB`;
  if (value >= mebibyte) return `${numberText(value / mebibyte)} MiB`;
  return value >= kibibyte ? `${numberText(value / kibibyte)} KiB` : `${numberText(value)} B`;
}

/** Text that may stand in HTML, in an element or an attribute. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
