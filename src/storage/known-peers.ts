/**
 * `known-peers.json`: the latest life that this node has met of every other member, and how far the log of that life
 * had come when it was last heard, kept over restarts.
 *
 * A connection opens only after the peer's life is on disk here, at both ends (`remember` is awaited by the
 * handshake, before the first frame either way). The reason: whatever a life of a peer acknowledges, it
 * acknowledges over such a connection, or its own write, which others have acknowledged to it over such
 * connections. So whoever counts on what a life promised knows of that life for as long as its own disk
 * lasts, also after a crash of its own, and notices when that peer's disk comes back without it. Were
 * the life saved in the background, both could lose power in between, and the peer's old disk would pass.
 *
 * That costs one small file per start of a peer, off the path of requests; a connection of a life that is on
 * disk already waits for nothing. When the file can't be written the connection opens all the same and
 * the operator is told: a full disk here must not cut this node off from peers that restart.
 *
 * How far a log has come moves all the time, so it is exact only in memory; on disk it follows at most every
 * `knownPeersSaveMs`, in the background. It is acted on at once all the same: a count was durable at the peer
 * before it was told, so holding it against that peer is right whether or not it outlasts a crash here.
 * What a crash here forgets is the last seconds: an old copy that lacks only those then passes this node.
 *
 * Only present members are kept, so the file is bounded by the nodes file; who is removed and added again
 * is met anew. A file that can't be believed is reported and begun again: it holds only what this node
 * knows of others, and without it merely fewer old disks are noticed.
 *
 *   {"format":2,"crc":"<8 hex digits>","peers":[["n2",7,523897276,"k3f9xa",0,81233],…]}
 *
 * Of each peer: id, incarnation, life; generation, since which incarnation, entries of its log.
 * crc: CRC-32 of the array as JSON. The file is replaced as a whole (write aside, sync, rename, sync the folder).
 */

import type { NodeId } from '../core/config.ts';
import { crc32 } from '../core/crc32.ts';
import { errorMessageOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { incarnationMax, isGeneration, isSameLife, type LoggedLife } from '../core/node-life.ts';
import type { Disk } from '../ports/disk.ts';
import type { Observer } from '../ports/observer.ts';
import type { PeerIdentity } from '../ports/transport.ts';
import { publishFile } from './publish-file.ts';

export const knownPeersPath = 'known-peers.json';
const format = 2;

type PeerRow = readonly [
  id: string,
  incarnation: number,
  life: number,
  generation: string,
  since: number,
  entries: number,
];

export class KnownPeers {
  readonly #disk: Disk;
  readonly #observer: Observer;
  readonly #newest: Map<NodeId, LoggedLife>;
  /** What the file holds. */
  #durable: ReadonlyMap<NodeId, LoggedLife>;
  #saving: Promise<void> = Promise.resolve();
  /** A save that has not begun, and will hold all that is remembered until it does. */
  #nextSave: Promise<void> | undefined;
  /** When a save for the sake of a log last began. */
  #logsSavedMs = Number.NEGATIVE_INFINITY;
  #isUnsaved = false;

  private constructor(disk: Disk, observer: Observer, lives: ReadonlyMap<NodeId, LoggedLife>) {
    this.#disk = disk;
    this.#observer = observer;
    this.#newest = new Map(lives);
    this.#durable = lives;
  }

  /** Reads what was known of `members`. Throws when the disk can't be read. */
  static async open(options: {
    readonly disk: Disk;
    readonly members: readonly NodeId[];
    readonly observer: Observer;
  }): Promise<KnownPeers> {
    const { disk, members, observer } = options;
    const lives = new Map<NodeId, LoggedLife>();
    for (const [id, incarnation, life, generation, since, entries] of await load(disk, observer)) {
      const member = members.find((one) => one === id);
      if (member === undefined) continue;
      lives.set(member, { incarnation, life, log: { generation, since, entries } });
    }
    return new KnownPeers(disk, observer, lives);
  }

  /** The latest life that was met of a peer, on disk or about to be. */
  known(peer: NodeId): LoggedLife | undefined {
    return this.#newest.get(peer);
  }

  /**
   * Keeps the life of a peer; an earlier one than is known changes nothing. Undefined when it is on disk
   * already, else resolves once it is, or once that failed and the operator was told.
   */
  remember(peer: NodeId, life: LoggedLife): Promise<void> | undefined {
    const newest = this.#newest.get(peer);
    if (newest === undefined || life.incarnation > newest.incarnation) {
      this.#newest.set(peer, { incarnation: life.incarnation, life: life.life, log: life.log });
    }
    const durable = this.#durable.get(peer);
    if (durable !== undefined && isSameLife(durable, this.#newest.get(peer) ?? life)) return undefined;
    return this.#saveSoon();
  }

  /** Keeps how far the log of a peer has come; what another life of it says, or said before, changes nothing. */
  logReached(peer: PeerIdentity, entries: number, nowMs: number): void {
    const newest = this.#newest.get(peer.id);
    if (newest === undefined || !isSameLife(newest, peer)) return;
    const log = entries > newest.log.entries ? { ...newest.log, entries } : newest.log;
    if (log !== newest.log) this.#newest.set(peer.id, { ...newest, log });
    const isDue = nowMs - this.#logsSavedMs >= limits.knownPeersSaveMs;
    if (!isDue || this.#durable.get(peer.id)?.log.entries === log.entries) return;
    this.#logsSavedMs = nowMs;
    void this.#saveSoon();
  }

  /** Resolves once all that is remembered is on disk, or could not be brought there. Never rejects. */
  async close(): Promise<void> {
    const isSaved = (peer: NodeId, { log }: LoggedLife): boolean =>
      this.#durable.get(peer)?.log.entries === log.entries;
    await this.#saving;
    if (![...this.#newest].every(([peer, life]) => isSaved(peer, life))) await this.#saveSoon();
  }

  #saveSoon(): Promise<void> {
    this.#nextSave ??= this.#saving = this.#saving.then(() => this.#save());
    return this.#nextSave;
  }

  /** Never rejects. */
  async #save(): Promise<void> {
    this.#nextSave = undefined;
    const lives = new Map(this.#newest);
    try {
      await publishFile(this.#disk, knownPeersPath, (file) => file.write([encode(lives)], 0));
      this.#durable = lives;
      this.#isUnsaved = false;
    } catch (error) {
      if (this.#isUnsaved) return;
      this.#isUnsaved = true;
      this.#observer.log(
        'warn',
        'known-peers.unsaved',
        `${knownPeersPath} could not be written (${errorMessageOf(error)}): until it can, a crash of this node ` +
          'makes it forget the latest starts of its peers',
      );
    }
  }
}

async function load(disk: Disk, observer: Observer): Promise<readonly PeerRow[]> {
  const names = await disk.list('');
  if (!names.some((entry) => entry.name === knownPeersPath)) return [];
  const file = await disk.open(knownPeersPath, 'read');
  try {
    const bytes = new Uint8Array(Math.min(await file.size(), limits.knownPeersBytesMax));
    const read = await file.read(bytes, 0);
    const rows = parse(new TextDecoder().decode(bytes.subarray(0, read)));
    if (rows !== undefined) return rows;
  } finally {
    await file.close();
  }
  observer.log(
    'error',
    'known-peers.damaged',
    `${knownPeersPath} cannot be believed and is begun again: check the disk of this node`,
  );
  return [];
}

/** Undefined when it is not what was written. */
function parse(text: string): readonly PeerRow[] | undefined {
  const outer = parsedJson(text);
  if (typeof outer !== 'object' || outer === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(outer));
  const peers = fields.get('peers');
  if (fields.get('format') !== format || !Array.isArray(peers)) return undefined;
  if (fields.get('crc') !== checksumText(JSON.stringify(peers))) return undefined;
  const rows: readonly unknown[] = peers;
  return rows.every(isPeerRow) ? rows : undefined;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Damage that is no JSON any more is reported like any other.
    return undefined;
  }
}

function isPeerRow(row: unknown): row is PeerRow {
  if (!Array.isArray(row)) return false;
  const fields: readonly unknown[] = row;
  const [id, incarnation, life, generation, since, entries] = fields;
  if (typeof id !== 'string' || typeof generation !== 'string' || !isGeneration(generation)) return false;
  return [incarnation, life, since].every(isUint32) && Number.isSafeInteger(entries);
}

function isUint32(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= incarnationMax;
}

function encode(lives: ReadonlyMap<NodeId, LoggedLife>): Uint8Array {
  const rows = Array.from(lives, ([id, { incarnation, life, log }]): PeerRow => {
    return [id, incarnation, life, log.generation, log.since, log.entries];
  });
  const peers = JSON.stringify(rows);
  const text = `{"format":${format},"crc":"${checksumText(peers)}","peers":${peers}}\n`;
  return new TextEncoder().encode(text);
}

function checksumText(text: string): string {
  return crc32(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
}
