/** What the log engine shows the operator, gathered from its parts. */

import type { Appender } from './appender.ts';
import type { Checkpointer } from './checkpointer.ts';
import type { FloorKeeper } from './floor-keeper.ts';
import type { LogIndex } from './log-index.ts';
import type { LogWriter } from './log-writer.ts';
import type { Maintenance } from './maintenance.ts';
import type { Quarantine } from './quarantine.ts';
import type { StabilityFloors } from './stability-floors.ts';
import type { StoreStatus } from './store.ts';

export interface LogStatusParts {
  readonly isClosed: boolean;
  readonly index: LogIndex;
  readonly writer: LogWriter;
  readonly appender: Appender;
  readonly checkpointer: Checkpointer;
  readonly maintenance: Maintenance;
  readonly quarantine: Quarantine;
  readonly floors: StabilityFloors;
  readonly floorKeeper: FloorKeeper;
}

/** See `Store.status`. */
export function logStatus(parts: LogStatusParts): StoreStatus {
  let logBytes = 0;
  let liveBytes = 0;
  let collectedBytes = 0;
  for (const segment of parts.index.segments.inOrder()) {
    logBytes += segment.end;
    liveBytes += segment.liveBytes;
    collectedBytes += segment.collectedBytes;
  }
  return {
    engine: 'log',
    state: parts.isClosed ? 'closed' : parts.writer.state,
    reason: parts.writer.reason,
    keys: parts.index.own.keys,
    logBytes,
    liveBytes,
    segments: parts.index.segments.count,
    logEntries: parts.writer.sequence,
    operations: parts.appender.operations,
    queuedBytes: parts.appender.queuedBytes,
    lastSyncWallMs: parts.writer.lastSyncWallMs,
    lastSnapshotWallMs: parts.checkpointer.lastWallMs,
    snapshotBytes: parts.checkpointer.bytes,
    compactions: parts.maintenance.compactions,
    compactedBytes: parts.maintenance.compactedBytes,
    quarantined: parts.quarantine.ranges,
    evidenceLost: parts.quarantine.evidenceLost,
    collectedKeys: parts.floorKeeper.collectedKeys,
    collectedBytes,
    ...parts.floors.extremes,
  };
}
