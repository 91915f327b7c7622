/**
 * The text of a golden story: prose, commands, and what each command answered when it was recorded.
 *
 *   # Why this happens.        prose; empty lines are kept too
 *   put n1 cart/1 apples       a command
 *       stored                 its output, indented by four blanks
 *
 * The form follows the test scripts of etcd's raft and of toydb: the file is the expectation as a whole, so a
 * story is judged by playing it, rendering it anew and comparing two texts.
 */

/** One line that is not output. */
export interface StoryLine {
  readonly kind: 'prose' | 'command';
  readonly text: string;
}

const indent = '    ';

/** The lines of a story without what was recorded. */
export function parseStory(text: string): StoryLine[] {
  return text
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith(indent))
    .map((line) => ({ kind: line === '' || line.startsWith('#') ? 'prose' : 'command', text: line }));
}

/** The story's text with the output of each of its commands, in their order. */
export function renderStory(lines: readonly StoryLine[], outputs: readonly (readonly string[])[]): string {
  let next = 0;
  const rendered = lines.flatMap(({ kind, text }) =>
    kind === 'prose' ? [text] : [text, ...(outputs[next++] ?? []).map((line) => indent + line)],
  );
  return `${rendered.join('\n')}\n`;
}
