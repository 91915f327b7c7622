/** Small load for the end-to-end tests. */

/** `name-1` to `name-<count>`. */
export function numbered(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index + 1}`);
}

/** Calls `action` for every item, so many at a time; rejects with the first failure. */
export async function eachInParallel<Item>(
  items: readonly Item[],
  concurrency: number,
  action: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  async function work(): Promise<void> {
    for (const item of queue) await action(item);
  }
  await Promise.all(Array.from({ length: concurrency }, work));
}
