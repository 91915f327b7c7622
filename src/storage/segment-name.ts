/**
 * Names of the log's files: `log/<first id>-<last id>.<generation>.seg`, its hint file beside it.
 *
 * The name repeats what the header says, so that recovery knows which files belong together, and
 * in which order, before it has believed a single byte.
 */

export const logDirectory = 'log';

/** Which segment ids a file covers, and how often they were rewritten. */
export interface SegmentName {
  readonly firstId: number;
  readonly lastId: number;
  readonly generation: number;
}

export function segmentPath(name: SegmentName): string {
  return `${logDirectory}/${idText(name.firstId)}-${idText(name.lastId)}.${name.generation}.seg`;
}

/** The hint file that belongs to a segment file. */
export function hintPathOf(path: string): string {
  return path.replace(/\.seg$/, '.hint');
}

/** Reads a file name (without folder); undefined when it is not that of a segment. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = /^(\d{8,10})-(\d{8,10})\.(\d{1,9})\.seg$/.exec(name);
  if (match === null) return undefined;
  const firstId = Number(match[1]);
  const lastId = Number(match[2]);
  if (firstId > lastId || lastId > 0xffff_ffff) return undefined;
  return { firstId, lastId, generation: Number(match[3]) };
}

/** Just the name, of whatever carries one. */
export function nameOf(segment: SegmentName): SegmentName {
  const { firstId, lastId, generation } = segment;
  return { firstId, lastId, generation };
}

/** The file name without its folder. */
export function segmentFileName(name: SegmentName): string {
  return segmentPath(name).slice(logDirectory.length + 1);
}

function idText(id: number): string {
  return String(id).padStart(8, '0');
}
