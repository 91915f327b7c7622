/**
 * Every limit of mini-dynamo in one place: a queue, retry, batch, frame or cache without a number
 * here is a defect. Those an operator may want to change are settings in `config.ts`.
 */

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

export const limits = {
  /** Longest key. Fits a request line beside the path with room for percent-encoding (16 KiB headers). */
  keyBytesMax: 4 * kibibyte,
  /** Default for the longest value; config `valueBytesMax` may set it up to `valueBytesCeiling`. */
  valueBytesDefault: 8 * mebibyte,
  /** Above this one value would hold up a peer connection for too long: split it in the application. */
  valueBytesCeiling: 64 * mebibyte,
  /** Room in an internode frame beside the value: header, key, texts. */
  frameOverheadBytes: 64 * kibibyte,
  /** Frames waiting for one peer's socket; past it a send is refused and the hint path takes over. */
  peerQueueBytesMax: 64 * mebibyte,
  /** Requests without a reply yet, per peer. A paused peer cannot pile up more than this. */
  peerRequestsInFlightMax: 16_384,
  /** Client and peer connections per node; each costs about 10 KiB. */
  connectionsMax: 10_000,
  /** A new connection has this long to show which protocol it speaks. */
  firstBytesTimeoutMs: 10_000,
  /** A peer connection has this long to complete its handshake. */
  handshakeTimeoutMs: 5_000,
  /** Bytes of replies queued on a client's connection before it is closed as not reading. */
  clientOutputBytesMax: 32 * mebibyte,
  /** Pipelined requests of one connection under way at once. */
  clientPipelineMax: 128,
  /** Bodies being received at once over all connections: refuse past it, memory is not elastic. */
  bodyBytesInFlightMax: 256 * mebibyte,
  /** Client requests under way in one node; past it the answer is OVERLOADED. */
  requestsInFlightMax: 8_192,
  /** Distinct coordinators whose versions one store may hold: an index slot has 16 bits for it. */
  actorsMax: 0xfff0,
  /** Partitions of one cluster: the placement table is in memory and travels as one message. */
  partitionsMax: 1 << 16,
  /** Members of one cluster: beyond it one connection per pair is the wrong design. */
  membersMax: 256,
  /** Bytes of appended entries waiting for the log; past it a write is refused as OVERLOADED. */
  logQueueBytesMax: 128 * mebibyte,
  /** Entries of one group commit: one write and one sync. */
  batchBytesMax: 16 * mebibyte,
  /** The holder of a data directory rewrites its lock file this often: 200 bytes, so often is cheap. */
  lockTouchMs: 3_000,
  /**
   * A holder in another container or on another machine is dead when its lock file has not moved for so
   * long: five missed rewrites. A restart in a new container after a crash waits for it.
   */
  lockStaleAfterMs: 15_000,
  /** How often a lock file that may be stale is looked at. */
  lockWatchMs: 250,
  /** Entries of one group commit: making them visible takes a few milliseconds and must not hold up the rest. */
  batchEntriesMax: 4_096,
  /** Records up to this size are copied into the batch's own buffer; larger ones are written from where they are. */
  batchCopyBytesMax: 16 * kibibyte,
  /** Batch buffers that grew past this are not kept for the next batch. */
  batchBufferBytesMax: mebibyte,
  /** Bytes of a segment that recovery, compaction and backup read at once. */
  segmentReadBytes: mebibyte,
  /** Segments of one store: an index slot has 16 bits for it. */
  segmentsMax: 0xffff,
  /** Damaged ranges kept for the operator; the folder `quarantine` has them all. */
  quarantinedMax: 100,
  /** Entries of one page of a scan: each costs a read of its key. */
  scanPageMax: 1_000,
  /** Bytes of hints read at once, so that a replay of large values does not fill the memory. */
  hintReadBytesMax: 8 * mebibyte,
  /** Reads up to this size go straight to the page cache (1 µs against 16 µs through the thread pool). */
  synchronousReadBytesMax: 64 * kibibyte,
  /** Handoff hints kept for one absent owner, and in total; beyond it anti-entropy takes over. */
  hintBytesPerTargetMax: 256 * mebibyte,
  hintBytesMax: 1024 * mebibyte,
  /** Hints sent to a returned owner before waiting for its acknowledgements. */
  hintReplayBatch: 64,
  /** Longest `node-state.json` that is read: it holds six short fields. */
  nodeStateBytesMax: 16 * kibibyte,
  /** Read repairs under way at once; past it a repair is left to the next read or to anti-entropy. */
  readRepairsInFlightMax: 1_024,
  /** Entries of one page of `/internal/keys`. */
  keysPageMax: 1_000,
  /** Longest `nodes.json` that is read: 256 members with every field take 60 KiB. */
  nodesFileBytesMax: 1 * mebibyte,
  /** Longest answer that a command takes from a node: the longest value, with room to spare. */
  clientReplyBytesMax: 80 * mebibyte,
  /** A `node.log` longer than this is set aside when its node starts; the one before is dropped. */
  nodeLogBytesMax: 16 * mebibyte,
} as const;
