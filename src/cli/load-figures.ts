/** What `status` says of a node that has more to do than it can. */

import { z } from 'zod';

export const loadSchema = z.object({
  limit: z.number(),
  queued: z.number(),
  oldest_ms: z.number(),
  refused_late: z.number(),
  refused_full: z.number(),
});
export type LoadPage = z.infer<typeof loadSchema>;

/** A sentence while requests wait for their turn. */
export function loadRemarks(name: string, page: LoadPage | undefined): readonly string[] {
  if (page === undefined || page.queued === 0) return [];
  const refused = page.refused_late + page.refused_full;
  return [
    `${name}: ${page.queued} requests wait for their turn, the oldest for ${Math.round(page.oldest_ms)} ms; ` +
      `${page.limit} may be under way at once, and ${refused} were refused since the start`,
  ];
}
