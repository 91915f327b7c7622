/**
 * The tree of names of a simulated disk, from a root that always exists.
 */

import { StoreError } from '../core/errors.ts';
import { SimDirectory, type SimEntry } from './sim-directory.ts';
import { SimInode } from './sim-inode.ts';

export interface SimLocation {
  readonly parent: SimDirectory;
  readonly name: string;
}

export class SimNamespace {
  root = new SimDirectory();
  readonly #nowMicros: () => number;

  constructor(nowMicros: () => number = () => 0) {
    this.#nowMicros = nowMicros;
  }

  newFile(): SimInode {
    return new SimInode(this.#nowMicros);
  }

  /** Folder and last name of a path. Throws `DISK_NOT_FOUND` when the folder does not exist. */
  locate(path: string): SimLocation {
    const names = split(path);
    const name = names.pop();
    if (name === undefined) throw new StoreError('DISK_WRITE_FAILED', `${path}: names no file`);
    let parent = this.root;
    for (const part of names) {
      const entry = parent.get(part);
      if (entry?.kind !== 'directory') {
        throw new StoreError('DISK_NOT_FOUND', `${path}: there is no folder ${part}`);
      }
      parent = entry;
    }
    return { parent, name };
  }

  entry(path: string): SimEntry | undefined {
    let entry: SimEntry = this.root;
    for (const part of split(path)) {
      const next: SimEntry | undefined = entry.kind === 'directory' ? entry.get(part) : undefined;
      if (next === undefined) return undefined;
      entry = next;
    }
    return entry;
  }

  file(path: string): SimInode | undefined {
    const entry = this.entry(path);
    return entry?.kind === 'file' ? entry : undefined;
  }

  /** The file of that path, made durably with its folders when missing. */
  fileMade(path: string): SimInode {
    const names = split(path);
    const name = names.pop() ?? '';
    const parent = this.makeDirectory(names.join('/'), (folder) => folder.syncTo(folder.syncMark()));
    const held = parent.get(name);
    if (held?.kind === 'file') return held;
    const inode = this.newFile();
    parent.set(name, inode);
    parent.syncTo(parent.syncMark());
    return inode;
  }

  /** Makes a folder and its parents; `made` is told each folder that got a new entry. */
  makeDirectory(path: string, made: (parent: SimDirectory) => void): SimDirectory {
    let folder = this.root;
    for (const part of split(path)) {
      const entry = folder.get(part);
      if (entry?.kind === 'file') throw new StoreError('DISK_WRITE_FAILED', `${path}: ${part} is a file`);
      if (entry === undefined) {
        const child = new SimDirectory();
        folder.set(part, child);
        made(folder);
        folder = child;
      } else folder = entry;
    }
    return folder;
  }

  /** When the first write was made that is not durable, among files below a folder; undefined when there is none. */
  unsyncedSinceMicros(folder: string): number | undefined {
    let since: number | undefined;
    walk(this.root, '', (path, inode) => {
      const micros = path.startsWith(folder) ? inode.unsyncedSinceMicros : undefined;
      if (micros !== undefined && micros < (since ?? Infinity)) since = micros;
    });
    return since;
  }

  paths(): string[] {
    const found: string[] = [];
    walk(this.root, '', (path) => found.push(path));
    return found.sort();
  }

  usedBytes(): number {
    const counted = new Set<SimInode>();
    let bytes = 0;
    walk(this.root, '', (_path, inode) => {
      if (counted.has(inode)) return;
      counted.add(inode);
      bytes += inode.written.length;
    });
    return bytes;
  }
}

function walk(folder: SimDirectory, prefix: string, visit: (path: string, inode: SimInode) => void): void {
  for (const [name, entry] of folder.entries()) {
    if (entry.kind === 'file') visit(prefix + name, entry);
    else walk(entry, `${prefix}${name}/`, visit);
  }
}

function split(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
