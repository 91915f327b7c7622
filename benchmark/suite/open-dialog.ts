/** Opens the dialog of a specification that came from another process. */

import type { Answer, Dialog, DialogSpec } from './dialog.ts';
import { EtcdDialog } from './etcd-dialog.ts';
import { HttpDialog } from './http-dialog.ts';
import type { Payload } from './payload.ts';
import { RedisDialog } from './redis-dialog.ts';

export interface DialogOptions {
  readonly url: URL;
  readonly payload: Payload;
  /** Hands values out with the answers to reads, which costs copies. */
  readonly keepValues: boolean;
  readonly onAnswer: (answer: Answer) => void;
}

export function openDialog(spec: DialogSpec, options: DialogOptions): Dialog {
  switch (spec.kind) {
    case 'http':
      return new HttpDialog(options);
    case 'redis':
      return new RedisDialog({ ...options, waitFor: spec.waitFor });
    case 'etcd':
      return new EtcdDialog(options);
  }
}
