/**
 * A mutation: one line that keeps a promise, taken out of the code on purpose.
 *
 * A promise that no test misses when its line is gone is only hoped for. `npm run mutants` takes each line out in
 * a copy of the tree, one at a time, and demands that the tests named beside it fail
 * (DeMillo, Lipton, Sayward, "Hints on test data selection", 1978).
 */

export interface Mutation {
  /** Kebab case; `npm run mutants -- --only NAME` runs one. */
  readonly name: string;
  /** What the line promises, as a statement. */
  readonly promise: string;
  /** The file, from the root of the repository. */
  readonly file: string;
  /** The text that is replaced; it occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Test files of which one must fail. */
  readonly tests?: readonly string[];
  /** Seeds of the simulator of which one must fail; a simulator without the line finds it by chance alone. */
  readonly seeds?: { readonly from: number; readonly count: number };
}
