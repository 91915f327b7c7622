/**
 * A copy of the sources in a temporary folder, in which one line at a time is taken out.
 *
 * The checkout itself is never touched, so a run that is killed leaves nothing behind but that folder.
 */

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Mutation } from './mutation.ts';

export const repository = path.join(import.meta.dirname, '../..');
const copied = ['package.json', 'tsconfig.json', 'nodes.json', 'bin', 'docs', 'src', 'test'];

/** How often the text of a mutation occurs in its file; anything but 1 means that the list went stale. */
export function occurrences(mutation: Mutation, root: string = repository): number {
  return readFileSync(path.join(root, mutation.file), 'utf8').split(mutation.find).length - 1;
}

export class MutatedTree {
  readonly root: string;

  constructor() {
    this.root = mkdtempSync(path.join(tmpdir(), 'mutants-'));
    for (const name of copied) {
      cpSync(path.join(repository, name), path.join(this.root, name), { recursive: true });
    }
    symlinkSync(path.join(repository, 'node_modules'), path.join(this.root, 'node_modules'), 'dir');
  }

  /** Takes the line out; the function returned puts it back. Throws when the list went stale. */
  apply(mutation: Mutation): () => void {
    const found = occurrences(mutation, this.root);
    if (found !== 1) {
      throw new Error(
        `${mutation.name}: its text occurs ${found} times in ${mutation.file}; bring the list up to date`,
      );
    }
    const file = path.join(this.root, mutation.file);
    const text = readFileSync(file, 'utf8');
    // A function, since a text would have its dollar signs taken for patterns.
    writeFileSync(
      file,
      text.replace(mutation.find, () => mutation.replace),
    );
    return () => writeFileSync(file, text);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
