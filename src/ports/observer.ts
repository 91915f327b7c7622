/**
 * Log and metrics, as a port.
 *
 * Every message is an event name, a sentence for a person, and fields for a machine. Counters are
 * monotonic; gauges are read when somebody asks (see `NodeStatus`), so they need no port.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Observer {
  /** `event` is a stable dotted name such as `log.quarantined`; `message` says what to do about it. */
  log(level: LogLevel, event: string, message: string, fields?: LogFields): void;
  /** Adds to the counter of that name, e.g. `puts.acknowledged`. */
  count(counter: string, by?: number): void;
}

/** Says and counts nothing. */
export const silentObserver: Observer = { log() {}, count() {} };
