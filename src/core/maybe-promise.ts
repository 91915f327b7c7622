/** What may be at hand: a promise, and the turn it takes, only where something has to be waited for. */
export type MaybePromise<Value> = Value | Promise<Value>;

/** What `ask` returns, or the rejection of what it throws: whoever may be no async function answers like one. */
export function rejecting<Value>(ask: () => Promise<Value>): Promise<Value>;
export function rejecting<Value>(ask: () => MaybePromise<Value>): MaybePromise<Value>;
export function rejecting<Value>(ask: () => MaybePromise<Value>): MaybePromise<Value> {
  try {
    return ask();
  } catch (error) {
    return rejection(error);
  }
}

/** What was thrown, as the rejection of a promise. */
export function rejection(error: unknown): Promise<never> {
  return Promise.reject(error instanceof Error ? error : new Error(String(error)));
}
