/** Randomness, as a port: seeded in the simulator, so that one seed is one history. */
export interface Random {
  /** An integer in [0, bound). `bound` is at most 2^32. */
  below(bound: number): number;
}
