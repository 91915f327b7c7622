/**
 * What a node says, as lines on its standard error: text for a person, or one JSON object a line for a
 * program.
 *
 *   2026-11-22T10:53:00.123Z warn  log.quarantined  skipped 4096 bytes of …  file=… offset=…
 *   {"time":"2026-11-22T10:53:00.123Z","level":"warn","event":"log.quarantined","message":"…","file":"…"}
 */

import type { LogFields, LogLevel, Observer } from '../ports/observer.ts';

export type LogFormat = 'text' | 'json';
export const logFormats: readonly LogFormat[] = ['text', 'json'];
/** From everything to only what is wrong. */
export const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LogObserverOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  readonly write: (line: string) => void;
  readonly nowMs: () => number;
  /** What every line has besides. */
  readonly fields?: LogFields;
}

/** An observer that writes lines; counters are kept by the node itself. */
export function createLogObserver(options: LogObserverOptions): Observer {
  const least = logLevels.indexOf(options.level);
  const format = options.format === 'json' ? formatJson : formatText;
  return {
    log(level, event, message, fields = {}) {
      if (logLevels.indexOf(level) < least) return;
      const time = new Date(options.nowMs()).toISOString();
      options.write(`${format({ time, level, event, message, fields: { ...options.fields, ...fields } })}\n`);
    },
    count() {},
  };
}

interface Line {
  readonly time: string;
  readonly level: LogLevel;
  readonly event: string;
  readonly message: string;
  readonly fields: LogFields;
}

function formatJson({ time, level, event, message, fields }: Line): string {
  return JSON.stringify({ ...fields, time, level, event, message });
}

function formatText({ time, level, event, message, fields }: Line): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}=${typeof value === 'string' ? quoted(value) : String(value)}`);
  return `${time} ${level.padEnd(5)} ${event}  ${oneLine(message)}${shown.join('')}`;
}

function quoted(value: string): string {
  return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** A message that quotes what a stranger sent must not look like several lines, nor move the cursor. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}]/gu, (character) => JSON.stringify(character).slice(1, -1));
}
