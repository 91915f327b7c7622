/** The fields of a JSON answer, where it is one: between a command and a node may be something else that speaks plainly. */

/** The fields of an object; none for anything else. */
export function replyFields(body: Uint8Array): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  } catch {
    // A plain line is no object.
    return new Map();
  }
}

/** The sentence in an answer: its `message`, or all of it when it is plain text. */
export function replyMessage(body: Uint8Array): string {
  const message = replyFields(body).get('message');
  return typeof message === 'string' ? message : Buffer.from(body).toString('utf8').trim();
}
