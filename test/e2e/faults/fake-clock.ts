/**
 * A wall clock that can be set, for a real process: libfaketime (Wolfgang Hommel), preloaded, adds to the time
 * of the machine what a file says. The monotonic clock stays the machine's, as it does when an operator sets a clock.
 */

import { existsSync, readdirSync, writeFileSync } from 'node:fs';

const libraryFolder = '/usr/lib';
/** For processes with threads. */
const libraryName = 'faketime/libfaketimeMT.so.1';

export class FakeClock {
  readonly #path: string;
  readonly #library: string;

  /** `path` is a file of this clock's own. */
  constructor(path: string, library: string) {
    this.#path = path;
    this.#library = library;
    this.set(0);
  }

  /** From the next look at the clock on it is this far from the machine's, negative for behind. */
  set(offsetMs: number): void {
    writeFileSync(this.#path, `${offsetMs < 0 ? '-' : '+'}${(Math.abs(offsetMs) / 1000).toFixed(3)}\n`);
  }

  /** For a process that is to live by this clock. */
  get environment(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#path,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
    };
  }
}

/** Where libfaketime lies; undefined when it is not installed. */
export function fakeClockLibrary(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const folders = readdirSync(libraryFolder).filter((name) => name.includes('linux-gnu'));
  return ['', ...folders]
    .map((name) => `${libraryFolder}/${name}/${libraryName}`)
    .find((path) => existsSync(path));
}
