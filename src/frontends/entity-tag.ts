/**
 * A version's dot as an HTTP entity tag (RFC 9110, §8.8.3), and back.
 *
 * The tag is strong: one dot names one version, and a version's bytes never change. Clients hand a
 * tag back as `X-Causal-Context`, which makes their next write win over the version they saw.
 */

import { formatDot, parseDot, type Dot } from '../core/dot.ts';

/** The quoted form, e.g. `"1764000000000-0-n1.k3f9xa"`. */
export function entityTagOf(dot: Dot): string {
  return `"${formatDot(dot)}"`;
}

/** Reads a tag with or without its quotes; undefined when it names no dot. */
export function parseEntityTag(text: string): Dot | undefined {
  const quoted = text.length >= 2 && text.startsWith('"') && text.endsWith('"');
  return parseDot(quoted ? text.slice(1, -1) : text);
}

/** Whether an `If-None-Match` list names the tag. The comparison is weak, as RFC 9110 §13.1.2 asks. */
export function listsEntityTag(header: string, tag: string): boolean {
  for (const item of header.split(',')) {
    const candidate = item.trim();
    if (candidate === '*' || candidate === tag || candidate === `W/${tag}`) return true;
  }
  return false;
}
