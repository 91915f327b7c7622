/**
 * One call of a callback function of `node:fs`, as a promise. They are used instead of `FileHandle`
 * because they cost up to 40 % less CPU when reads overlap.
 */

/** For calls that report a result. */
export function promised<Result>(
  call: (done: (error: Error | null, result: Result) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/** For calls that report only that they are done. */
export function completed(call: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
