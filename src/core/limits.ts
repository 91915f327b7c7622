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
  /** A frame up to this size is copied behind the others of its turn; a longer one is cheaper to write by itself. */
  peerCopiedFrameBytesMax: 16 * kibibyte,
  /** A longer frame leaves in pieces of so many bytes, and others between them: a millisecond on a network of 1 Gbit/s. */
  peerPieceBytes: 128 * kibibyte,
  /** The buffer in which a peer's frames are collected: what a busy turn queues for one peer. */
  peerSlabBytes: 64 * kibibyte,
  /** Pauses between attempts to reach a peer: soon at first, and not too rarely for a node that restarts. */
  reconnectDelayMsMin: 50,
  reconnectDelayMsMax: 2_000,
  /** A connection that lived so long was fine: the pauses start from the shortest again. */
  connectionStableAfterMs: 5_000,
  /** The kernel asks a silent peer's machine for a sign of life after so long. */
  keepAliveProbeAfterMs: 10_000,
  /** What is queued for peers when a node stops has this long to leave. */
  peerStopFlushMs: 500,
  /** At most one line per peer and interval about connections that fail or are refused. */
  connectionLogIntervalMs: 1_000,
  /** Strangers whose last refusal is remembered, so that each is logged once. */
  connectionLogSourcesMax: 512,
  /** Requests without a reply yet, per peer. A paused peer cannot pile up more than this. */
  peerRequestsInFlightMax: 16_384,
  /** Client and peer connections per node; each costs about 10 KiB. */
  connectionsMax: 10_000,
  /**
   * Connections that wait to be accepted, as far as the system allows: clients that gave up come back together, and one
   * that finds no place tries again only after a second.
   */
  connectionsBacklogMax: 4_096,
  /** What is read of a new connection to tell its protocol: more than the longest command name and a URL's scheme. */
  firstBytesMax: 64,
  /** A new connection has this long to show which protocol it speaks. */
  firstBytesTimeoutMs: 10_000,
  /** A peer connection has this long to complete its handshake. */
  handshakeTimeoutMs: 5_000,
  /** Connections of peers whose handshake is not complete; past it the oldest is closed. Twice what a whole cluster opens at once. */
  peerHandshakesMax: 512,
  /** The files of a node's certificate are looked at this often at most; it costs 20 µs. */
  peerCertificateCheckMs: 5_000,
  /** A file of certificates: hundreds of them. */
  peerCertificateFileBytesMax: mebibyte,
  /** A connected peer that said nothing for so long may be dead: heartbeats come every 500 ms. */
  peerPresentMs: 3_000,
  /** A connection is made anew after so many times `timing.peerDownAfterMs` without a byte: 6.4 s. */
  peerSilenceFactor: 4,
  /** A node that is told for so long that its id is in use ends: a dead process would have fallen silent. */
  idInUseGraceMs: 10_000,
  /** Bytes of replies queued on a client's connection before it is closed as not reading. */
  clientOutputBytesMax: 32 * mebibyte,
  /** Pipelined requests of one connection under way at once. */
  clientPipelineMax: 128,
  /** Bodies being received at once over all connections: refuse past it, memory is not elastic. */
  bodyBytesInFlightMax: 256 * mebibyte,
  /** Client requests under way in one node; past it the answer is OVERLOADED. */
  requestsInFlightMax: 8_192,
  /** Client requests that a new node works on at once, before it has measured what they take. */
  admissionLimitStart: 256,
  /** And those that it works on however long they take: enough to share one sync of a slow disk. */
  admissionLimitMin: 32,
  /** With `admissionQueueMax` all of `requestsInFlightMax`. */
  admissionLimitMax: 4_096,
  /** Requests that take less on average are no sign of load: batches of writes and a machine's other work take as long. */
  admissionTargetMsMin: 40,
  /** What requests take is averaged over this: many of them, and short beside a client's patience. */
  admissionWindowMs: 100,
  /** Requests that wait for their turn; past it they are refused at once. */
  admissionQueueMax: 4_096,
  /** When so many wait, a connection with a request under way is not read any further. */
  admissionCrowdedFrom: 1_024,
  /**
   * A request waits this long for its turn before it is refused, and half of its own time at most: longer waits make for
   * fewer refusals, and programs give up, and lose their connection, after a second or more.
   */
  admissionWaitMsMax: 750,
  /** How often those that wait are looked at for clients that have gone; waits are that much longer. */
  admissionSweepMs: 50,
  /** Pipelined requests of one connection that wait their turn: two socket reads full of the shortest. */
  clientHeldRequestsMax: 4_096,
  /** Replies queued over all connections; past it a GET is answered OVERLOADED before it fetches a value. */
  clientOutputBytesTotalMax: 512 * mebibyte,
  /** A client at its output cap that takes no byte for this long is not reading, only asking. */
  clientReadStallMs: 5_000,
  /** A client that owes us bytes, or that we owe bytes, may be silent for this long. */
  clientStallMs: 30_000,
  /** Request line and headers; a key of `keyBytesMax`, percent-encoded, takes 12 KiB of it. */
  httpHeaderBytesMax: 16 * kibibyte,
  /** A client has this long to send its headers: every honest one sends them in one packet. */
  httpHeadersTimeoutMs: 10_000,
  /** And this long for the whole request: the longest value at 0.5 MiB/s. */
  httpRequestTimeoutMs: 120_000,
  /** Idle connections are kept this long: longer than the pools of common clients and proxies (60 s). */
  httpKeepAliveMs: 72_000,
  /** How often the two request timeouts are looked at; they are that much coarser. */
  httpTimeoutCheckMs: 2_000,
  /** A refused upload is read on and thrown away for so long, so that the refusal is not lost to a reset. */
  httpLingerMs: 1_000,
  httpLingerBytesMax: 4 * mebibyte,
  /** A value up to this size leaves as one string with its head (a sixth less CPU than gathering the two). */
  httpInlineBodyBytesMax: 4 * kibibyte,
  /** An unread body up to this size is skipped; for a longer one the connection is closed. */
  httpSkippedBodyBytesMax: 64 * kibibyte,
  /** Requests under way when the node stops have this long to finish. */
  httpStopGraceMs: 5_000,
  /** Longest JSON body of an inspection request, beside a value in it. */
  inspectionBodyBytesMax: 64 * kibibyte,
  /** Longest `?timeout=`: a client that waits longer has long lost its own connection. */
  requestTimeoutMsMax: 60_000,
  /** Longest `?ttl=`: a hundred years, far below the 48 bits of an expiry. */
  ttlMsMax: 100 * 365 * 86_400_000,
  /** Distinct coordinators whose versions one store may hold: an index slot has 16 bits for it. */
  actorsMax: 0xfff0,
  /** Partitions of one cluster: the placement table is in memory and travels as one message. */
  partitionsMax: 1 << 16,
  /** Members of one cluster: beyond it one connection per pair is the wrong design. */
  membersMax: 256,
  /** Workers of one node: a machine with more cores has better things to do with them than heartbeats to each other. */
  workersMax: 64,
  /** Pauses before a worker that ended is started again: soon at first, and not as a busy loop for one that cannot live. */
  workerRestartMsMin: 100,
  workerRestartMsMax: 10_000,
  /** A worker that lived so long was fine: the pauses start from the shortest again. */
  workerStableMs: 30_000,
  /** Bytes of appended entries waiting for the log; past it a write is refused as OVERLOADED. */
  logQueueBytesMax: 128 * mebibyte,
  /** Of the end of the log, in memory for reads: some hundred thousand short records. It grows to that as the log is written. */
  logTailBytes: 24 * mebibyte,
  /** Entries of one group commit: one write and one sync. A longer one goes by itself, and the short need not wait for it. */
  batchBytesMax: 1 * mebibyte,
  /**
   * Where writes of so many arrivals share a sync or wait for the next, the next is put off this long for more: fewer
   * syncs and replies for each write. Two clients never wait.
   */
  commitDelayFromArrivals: 3,
  commitDelayMs: 1,
  /** Batches of short entries that may pass a long one: then it has waited long enough. */
  longBatchOvertakenMax: 8,
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
  /** Default length at which a segment ends: large enough to be few, small enough to be compacted in a second. */
  segmentBytesDefault: 64 * mebibyte,
  /** Default growth of the log after which the index is written out: what a start after a crash has to replay. */
  checkpointAfterBytesDefault: 64 * mebibyte,
  /** Bytes of index tables copied for a checkpoint between two turns of the event loop: half a millisecond. */
  checkpointTurnBytes: 256 * kibibyte,
  /** Bytes of a segment that recovery reads at once. */
  segmentReadBytes: mebibyte,
  /** The same for compaction and hint files: what is done with them holds up requests for 2 ms or so. */
  maintenanceReadBytes: 256 * kibibyte,
  /** Entries that compaction and hint files take in between two turns of the event loop: about a millisecond. */
  maintenanceEntriesPerTurn: 256,
  /** Share of the time of the event loop that they take: 30,000 short entries a second, three times what a busy node appends. */
  maintenanceShare: 0.1,
  /** What compaction takes at most, when it has fallen behind with dead bytes. */
  maintenanceShareMax: 0.4,
  /** Bytes of a long file that are written before they are synced: what is synced at once, a write of a client waits for. */
  maintenanceSyncBytes: 256 * kibibyte,
  /** Default for what compaction reads and writes a second: twenty times what a busy node appends. */
  compactionBytesPerSecondDefault: 32 * mebibyte,
  /** Default for the dead bytes that are let grow before segments are rewritten for them, in full segments. */
  compactionDeadSegmentsDefault: 4,
  /** Index slots that compaction looks at between two turns of the event loop, to find what is alive: half a millisecond. */
  compactionSlotsSeenPerTurn: 16_384,
  /** Index slots that compaction repoints between two turns of the event loop: a millisecond where they lie far apart. */
  compactionSlotsPerTurn: 256,
  /** Index slots that a sweep below the stability floor looks at between two turns: a millisecond. */
  floorSlotsPerTurn: 32_768,
  /** What reading an expiry counts for among them. */
  floorSlotsPerRead: 256,
  /** Floors of one message: 10 KiB. */
  floorsPerMessage: 1_024,
  /** Partitions whose sums up to a floor are asked for at once: counting walks over all they hold. */
  floorPartitionsPerRequest: 128,
  /** Segments of one store: an index slot has 16 bits for it. */
  segmentsMax: 0xffff,
  /** Damaged ranges kept for the operator; the folder `quarantine` has them all. */
  quarantinedMax: 100,
  /** Entries of one page of a scan: each costs a read of its key. */
  scanPageMax: 1_000,
  /** Index slots that a sum over a range of tokens takes in between two turns of the event loop: a millisecond. */
  treeSlotsPerTurn: 16_384,
  /** Versions of one list of them (and always all of one token): 28 bytes each on the wire. */
  treeVersionsMax: 4_096,
  /** Of its own versions a node that compares itself lists so many between two turns, or looks up so many: a millisecond. */
  treeVersionsPerTurn: 2_048,
  treeLookUpsPerTurn: 512,
  /** Records that a read of a token range takes in between two turns: half a millisecond. */
  treeRecordsPerTurn: 64,
  /** Records of one page (and always all of one token): what the receiver decodes in one go, in a millisecond or two. */
  treeRecordsMax: 512,
  /** What a scrub reads a second by itself: 160 GB in a week, and nothing that clients notice. */
  scrubBytesPerSecond: 256 * kibibyte,
  /** The same when an operator asked for it and waits. */
  scrubNowBytesPerSecond: 64 * mebibyte,
  /** A node scrubs by itself no sooner than this after its start: restarts are busy enough. */
  scrubDelayMs: 3_600_000,
  /** Bytes of records that a scrub reads before it looks at its rate again: two milliseconds of work. */
  scrubPageBytes: 128 * kibibyte,
  /** Entries closer than this are read together: copying the gap costs less than another call. */
  readGapBytesMax: 4 * kibibyte,
  /** Reads up to this size go straight to the page cache (1 µs against 16 µs through the thread pool). */
  synchronousReadBytesMax: 64 * kibibyte,
  /** Writes up to this size go straight to the page cache, for the same reason; only the sync has to wait. */
  synchronousWriteBytesMax: 64 * kibibyte,
  /** Handoff hints kept for one absent owner, and in total; beyond it anti-entropy takes over. */
  hintBytesPerTargetMax: 256 * mebibyte,
  hintBytesMax: 1024 * mebibyte,
  /** Hints in one message to a returned owner: at first, while it is slow, and while it is quick. */
  hintReplayBatchStart: 64,
  hintReplayBatchMin: 4,
  hintReplayBatchMax: 1_024,
  /** Bytes of hints in one message: what a slow disk takes in a tenth of a second. */
  hintReplayFrameBytes: 1 * mebibyte,
  /** Bytes of hints a second to one target: a tenth of what a gigabit network carries. */
  hintReplayBytesPerSecond: 12 * mebibyte,
  /** Hints kept a second for one owner that is up but does not take its writes; the rest is left to anti-entropy. */
  hintsPerSecondWhileUp: 1_000,
  /** Requests that timed out and whose late replies still count; their records are held that much longer. */
  lateRepliesMax: 4_096,
  /** A longer record is not held for a late reply. */
  lateReplyRecordBytesMax: 16 * kibibyte,
  /** No answer is slow before this: a collection pause or a busy moment takes as long. */
  suspectAfterMsMin: 20,
  /** Replies up to this size tell how quickly a peer answers; longer ones how wide the way to it is. */
  sampledReplyBytesMax: 16 * kibibyte,
  /** A suspect peer is asked besides the others this often, to see whether it is quick again. */
  probeMs: 250,
  /** A read asks no further replica before this: about what a timer and a round trip need. */
  hedgeAfterMsMin: 3,
  /** Further replicas that reads may ask in a row before their share of all reads limits them. */
  hedgeBurst: 20,
  /** Bytes of hints that one read hands out (and always at least one hint): they are all in memory at once. */
  hintReadBytesMax: 8 * mebibyte,
  /** Bytes of rows that a backup of `classic-level` copies at a time. */
  backupBatchBytes: 1 * mebibyte,
  /** Free space before a full `classic-level` database is recovered: its log as table files, and some air. */
  databaseReopenBytesMin: 16 * mebibyte,
  /**
   * Payload of one section of a checkpoint or hint file: what is in memory at once while one is read, and
   * what the event loop waits for while its checksum is computed (about 0.2 ms).
   */
  sectionBytesMax: 256 * kibibyte,
  /** Longest `vouched-partitions.json` that is read: 65,536 partitions, every other one vouched for. */
  vouchedPartitionsBytesMax: 256 * kibibyte,
  /** Longest `node-state.json` that is read: it holds six short fields. */
  nodeStateBytesMax: 16 * kibibyte,
  /** Longest `known-peers.json` that is read: 256 members take 32 KiB. */
  knownPeersBytesMax: 64 * kibibyte,
  /**
   * How far the logs of peers have come is saved at most this often: two syncs, which are not felt, and a crash
   * forgets no more of it.
   */
  knownPeersSaveMs: 5_000,
  /** Read repairs under way at once; past it a repair is left to the next read or to anti-entropy. */
  readRepairsInFlightMax: 1_024,
  /** A node says the same thing at most this often; what is left out is counted. */
  logRepeatMs: 1_000,
  /** Token ranges of one comparison of sums or versions: 4 KiB of request. */
  treeRangesPerRequest: 256,
  /** Versions of one list: 80 KiB, and a few milliseconds of a busy receiver's time. */
  treeVersionsPerReply: 4_096,
  /** Records asked for by their tokens at once: 8 KiB of request. */
  treeTokensPerRequest: 1_024,
  /** Bytes of records of one reply, and always at least those of one token. */
  treeRecordsBytesPerReply: 256 * kibibyte,
  /** Partitions whose sums are compared in one exchange: 10 KiB of request, 20 KiB of reply. */
  treePartitionsPerRequest: 1_024,
  /** Partitions that one walk goes down together: fewer and longer exchanges, and little to repeat after a failure. */
  treePartitionsPerWalk: 16,
  /** Fetched records that are checked and appended between two turns of the event loop: about half a millisecond. */
  healingMergesPerTurn: 64,
  /** What anti-entropy reads from peers a second: a million records of 100 bytes in 5 s, where nothing else slows it. */
  healingBytesPerSecond: 32 * mebibyte,
  /** A turn of the event loop that takes so long has clients in it. */
  healingBusyTurnMs: 2,
  /** Share of the time that healing takes on a busy node, and on one that is no witness until it is healed. */
  healingShare: 0.2,
  healingShareUrgent: 0.4,
  /** Damaged versions of one partition that its owners are asked about at once. */
  damagedPerInquiry: 64,
  /** Rounds with an owner that fail or find nothing to fetch are followed by pauses up to so many times the usual one. */
  healingBackoffMax: 8,
  /** An owner that catches up by so many versions from one heartbeat to the next heals itself, faster than writes come in. */
  catchUpVersionsMin: 256,
  /** It is compared all the same after so long: it may hold writes that are nowhere else. */
  catchUpMsMax: 60_000,
  /** Partitions of which one page of a scan over the cluster asks the owners, one after the other, where they are empty. */
  scanPartitionsPerPage: 64,
  /** Recent arrivals whose way is remembered, a power of two: 2 MiB, and about what a busy node takes in a second. */
  arrivalsRemembered: 65_536,
  /** Keys of entries that need not be read back to be compared, a power of two: 17 MiB. */
  keysRemembered: 262_144,
  /** Entries of one page of `/internal/keys`. */
  keysPageMax: 1_000,
  /** Longest `nodes.json` that is read: 256 members with every field take 60 KiB. */
  nodesFileBytesMax: 1 * mebibyte,
  /** Longest answer that a command takes from a node: the longest value, with room to spare. */
  clientReplyBytesMax: 80 * mebibyte,
  /** A `node.log` longer than this is set aside when its node starts; the one before is dropped. */
  nodeLogBytesMax: 16 * mebibyte,
  /** Redis protocol: the longest inline command, or line that announces a length (as in Redis). */
  redisLineBytesMax: 64 * kibibyte,
  /** Arguments of one request: `MSET` with 64 Ki keys. Redis takes 16 times as many, at 16 times the memory. */
  redisArgumentsMax: 128 * kibibyte,
  /** An argument may be so much longer than a value, so that a value that is too long gets an answer, not a hang-up. */
  redisArgumentRoomBytes: 1 * mebibyte,
  /** All arguments of one request, and of the requests of one connection that run: a busy `MSET` and the longest value. */
  redisRequestBytesMax: 32 * mebibyte,
  /** Where replies are put together: what a busy turn of one connection answers. */
  redisOutputSlabBytes: 64 * kibibyte,
  /** A longer value is handed to the socket as it is, not copied beside the others of its turn. */
  redisCopiedReplyBytesMax: 16 * kibibyte,
  /** Keys of one message between nodes: a full pipeline, about a tenth of a millisecond of its receiver's time. */
  keysAtOnceMax: 128,
  /** Bytes of keys, and of records, of such a message, or the next one is begun: well within the shortest frame limit. */
  keysAtOnceBytesMax: 48 * kibibyte,
  /** Keys of one `MGET`, `MSET` or `DEL` that are asked for at once: a batch, but not much of the longest values. */
  redisKeysAtOnceMax: 16,
  /** `KEYS` is refused past so many: its reply is in memory at once. */
  redisKeysListedMax: 10_000,
  /** `DBSIZE` asks the owners of all keys while this node holds no more than so many, and tells its own figure past it. */
  redisKeysCountedMax: 20_000,
  /** An idle client's machine is asked for a sign of life after so long, as in Redis. */
  redisKeepAliveMs: 300_000,
} as const;
