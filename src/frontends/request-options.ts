/**
 * The query of a `/kv` request: `?r=`, `?w=`, `?mode=`, `?timeout=` and, for a PUT, `?ttl=`.
 *
 * An unknown or doubled parameter is refused rather than ignored: a misspelt `?W=3` that silently
 * wrote with the default quorum would be a broken promise.
 */

import type { NodeConfig } from '../core/config.ts';
import { StoreError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

export interface KeyRequestOptions {
  readonly r?: number;
  readonly w?: number;
  readonly quorumMode?: NodeConfig['quorumMode'];
  readonly timeoutMs?: number;
  /** How long the value lives, from now. */
  readonly ttlMs?: number;
}

/** The parameters that are numbers. */
interface Parameter {
  readonly field: Exclude<keyof KeyRequestOptions, 'quorumMode'>;
  readonly max: number;
  readonly unit: string;
}

const none: KeyRequestOptions = {};

/** Reads the raw query of a request; `replicas` is N. Throws `BAD_REQUEST` naming the parameter. */
export function parseRequestOptions(
  query: string,
  rules: { readonly replicas: number; readonly allowTtl: boolean },
): KeyRequestOptions {
  if (query === '') return none;
  const options: { -readonly [Field in keyof KeyRequestOptions]: KeyRequestOptions[Field] } = {};
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? '' : part.slice(equals + 1);
    if (name === 'mode') {
      if (options.quorumMode !== undefined) throw doubled(name);
      options.quorumMode = parseMode(value);
      continue;
    }
    const parameter = parameterOf(name, rules.replicas);
    if (parameter === undefined) {
      throw new StoreError(
        'BAD_REQUEST',
        `unknown query parameter "${name.slice(0, 64)}"; ${known(rules.allowTtl)}`,
      );
    }
    if (parameter.field === 'ttlMs' && !rules.allowTtl) {
      throw new StoreError('BAD_REQUEST', `query parameter "ttl" is for PUT; ${known(false)}`);
    }
    if (options[parameter.field] !== undefined) throw doubled(name);
    options[parameter.field] = parseInteger(name, value, parameter);
  }
  return options;
}

function parameterOf(name: string, replicas: number): Parameter | undefined {
  switch (name) {
    case 'r':
      return { field: 'r', max: replicas, unit: 'replicas' };
    case 'w':
      return { field: 'w', max: replicas, unit: 'replicas' };
    case 'timeout':
      return { field: 'timeoutMs', max: limits.requestTimeoutMsMax, unit: 'milliseconds' };
    case 'ttl':
      return { field: 'ttlMs', max: limits.ttlMsMax, unit: 'milliseconds' };
    default:
      return undefined;
  }
}

function parseMode(text: string): NodeConfig['quorumMode'] {
  if (text === 'strict' || text === 'sloppy') return text;
  throw new StoreError(
    'BAD_REQUEST',
    `query parameter "mode" is "${text.slice(0, 64)}"; allowed are strict and sloppy`,
  );
}

function doubled(name: string): StoreError {
  return new StoreError('BAD_REQUEST', `query parameter "${name}" is given twice`);
}

function parseInteger(name: string, text: string, parameter: Parameter): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > parameter.max) {
    throw new StoreError(
      'BAD_REQUEST',
      `query parameter "${name}" is "${text.slice(0, 64)}"; allowed are 1 to ${parameter.max} ${parameter.unit}`,
    );
  }
  return value;
}

function known(allowTtl: boolean): string {
  return `allowed are r, w, mode, timeout${allowTtl ? ', ttl' : ''}`;
}
