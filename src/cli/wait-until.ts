/** Waiting for something outside of this process, which can only be asked again and again. */

/** Waits until `condition` holds, asking again every `everyMs`; false when it never did within `boundMs`. */
export async function waitUntil(
  condition: () => Promise<boolean>,
  options: { readonly boundMs: number; readonly everyMs?: number },
): Promise<boolean> {
  const deadline = performance.now() + options.boundMs;
  for (;;) {
    if (await condition()) return true;
    if (performance.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, options.everyMs ?? 50));
  }
}
