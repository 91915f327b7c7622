/**
 * How much is measured: three sizes of the same suite.
 *
 * `quick` shows that everything works and no more; its figures mean nothing. `default` is for a coffee break, `full` for an
 * hour. Times are those of one run; there are `rounds` of each, and servers take turns within a round.
 */

export interface Profile {
  readonly name: 'quick' | 'default' | 'full';
  /** A server is asked for so long before it is measured at all, until its code is compiled and its caches are warm. */
  readonly serverWarmUpMs: number;
  readonly rounds: number;
  /** How often a run is repeated during which others used the machine. */
  readonly repeats: number;
  readonly warmUpMs: number;
  readonly runMs: number;
  /** Open loops: fewer and longer, since it is their tail that is looked at. */
  readonly openRounds: number;
  readonly openRunMs: number;
  /** Connections of sections that don't vary them; 64 in the bars of other benchmarks. */
  readonly usualConnections: number;
  /** Keys that are there, but for the section that varies them. */
  readonly keys: number;
  readonly connections: readonly number[];
  /** Requests under way on each connection. */
  readonly pipelines: readonly number[];
  readonly valueBytes: readonly number[];
  /** Of what a server can do, for open loops. */
  readonly capacityShares: readonly number[];
  readonly keyCounts: readonly number[];
  /** etcd's gateway takes a few thousand keys a second, so its line ends here. */
  readonly etcdKeysMax: number;
  readonly nodes: readonly number[];
}

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

export const profiles: Readonly<Record<Profile['name'], Profile>> = {
  quick: {
    name: 'quick',
    serverWarmUpMs: 0,
    rounds: 1,
    repeats: 0,
    warmUpMs: 0,
    runMs: 10,
    openRounds: 1,
    openRunMs: 20,
    usualConnections: 4,
    keys: 100,
    connections: [2],
    pipelines: [8],
    valueBytes: [16, 64 * kibibyte],
    capacityShares: [0.5],
    keyCounts: [200, 400],
    etcdKeysMax: 400,
    nodes: [1, 3],
  },
  default: {
    name: 'default',
    serverWarmUpMs: 3_000,
    rounds: 3,
    repeats: 1,
    warmUpMs: 150,
    runMs: 500,
    openRounds: 2,
    openRunMs: 900,
    usualConnections: 64,
    keys: 20_000,
    connections: [1, 8, 64, 256],
    pipelines: [1, 16],
    valueBytes: [16, 256, 4 * kibibyte, 64 * kibibyte, mebibyte],
    capacityShares: [0.1, 0.3, 0.5, 0.7, 0.9],
    keyCounts: [10_000, 100_000, 500_000],
    etcdKeysMax: 100_000,
    nodes: [1, 3, 5],
  },
  full: {
    name: 'full',
    serverWarmUpMs: 10_000,
    rounds: 5,
    repeats: 2,
    warmUpMs: 500,
    runMs: 2_500,
    openRounds: 3,
    openRunMs: 5_000,
    usualConnections: 64,
    keys: 100_000,
    connections: [1, 4, 16, 64, 256, 1_024],
    pipelines: [1, 4, 16, 64],
    valueBytes: [16, 100, kibibyte, 4 * kibibyte, 16 * kibibyte, 64 * kibibyte, 256 * kibibyte, mebibyte],
    capacityShares: [0.1, 0.3, 0.5, 0.7, 0.8, 0.9],
    keyCounts: [10_000, 100_000, 1_000_000, 5_000_000],
    etcdKeysMax: 1_000_000,
    nodes: [1, 3, 5, 7, 9],
  },
};
