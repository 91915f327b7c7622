/**
 * Builds what the Dockerfile describes, without docker: each stage becomes a folder, and COPY and
 * `RUN npm …` are carried out in it.
 *
 * Simplified: other RUN commands change users and root folders, which is docker's business, and are left out;
 * `.dockerignore` is understood as a list of what is let in, the only form this repository uses.
 */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Copy, DockerfileParser, type From, type Instruction } from 'dockerfile-ast';

export interface ReplayedImage {
  /** The folder of the last stage, for `/` in the image. */
  readonly root: string;
  readonly workingDirectory: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

interface Stage {
  readonly name: string;
  readonly root: string;
  workingDirectory: string;
}

/** Builds all stages of `<repository>/Dockerfile` below `folder`. */
export function replayImage(repository: string, folder: string): ReplayedImage {
  const context = path.join(folder, 'context');
  for (const name of contextEntries(repository)) {
    cpSync(path.join(repository, name), path.join(context, name), { recursive: true });
  }
  const dockerfile = DockerfileParser.parse(readFileSync(path.join(repository, 'Dockerfile'), 'utf8'));
  const stages: Stage[] = [];
  let entrypoint: readonly string[] = [];
  let command: readonly string[] = [];
  for (const instruction of dockerfile.getInstructions()) {
    const keyword = instruction.getKeyword();
    if (keyword === 'FROM') {
      const name = (instruction as From).getBuildStage() ?? 'last';
      stages.push({ name, root: path.join(folder, `stage-${name}`), workingDirectory: '/' });
      continue;
    }
    const stage = stages.at(-1);
    assert.ok(stage !== undefined, `${keyword} stands before the first FROM`);
    if (keyword === 'WORKDIR') stage.workingDirectory = wordsOf(instruction)[0] ?? '/';
    if (keyword === 'COPY') copy(instruction as Copy, { stage, stages, context });
    if (keyword === 'RUN') run(instruction, stage);
    if (keyword === 'ENTRYPOINT') entrypoint = execForm(instruction);
    if (keyword === 'CMD') command = execForm(instruction);
  }
  const last = stages.at(-1);
  assert.ok(last !== undefined, 'the Dockerfile has no FROM');
  return { root: last.root, workingDirectory: last.workingDirectory, entrypoint, command };
}

/** A program that runs in the image's working directory. */
export interface ImageProcess {
  /** Waits until its output matches and resolves to the first group; rejects when it ends before. */
  saysWhere(pattern: RegExp): Promise<string>;
  /** Sends SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>;
}

/** Starts a program as the container's first process would be. */
export function startInImage(image: ReplayedImage, argv: readonly string[]): ImageProcess {
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, {
    cwd: path.join(image.root, image.workingDirectory),
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close').then(() => child.exitCode);
  let output = '';
  return {
    saysWhere: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (text: string): void => {
          output += text;
          const found = pattern.exec(output)?.[1];
          if (found !== undefined) resolve(found);
        };
        child.stdout.setEncoding('utf8').on('data', look);
        child.stderr.setEncoding('utf8').on('data', look);
        void ended.then((code) =>
          reject(new Error(`${argv.join(' ')} ended with ${String(code)}: ${output}`)),
        );
      }),
    stop: () => {
      child.kill('SIGTERM');
      return ended;
    },
  };
}

function contextEntries(repository: string): string[] {
  const lines = readFileSync(path.join(repository, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(lines[0], '*', '.dockerignore keeps everything out first');
  return lines.slice(1).map((line) => {
    assert.ok(line.startsWith('!'), `.dockerignore then only lets in, but says ${line}`);
    return line.slice(1);
  });
}

function copy(
  instruction: Copy,
  { stage, stages, context }: { stage: Stage; stages: readonly Stage[]; context: string },
): void {
  const words = wordsOf(instruction).filter((word) => !word.startsWith('--'));
  const target = words.pop();
  assert.ok(target !== undefined && words.length > 0, 'COPY needs a source and a target');
  const from = instruction
    .getFlags()
    .find((flag) => flag.getName() === 'from')
    ?.getValue();
  const source = from === undefined ? context : stages.find(({ name }) => name === from)?.root;
  assert.ok(source !== undefined, `COPY --from=${String(from)} names no earlier stage`);
  const targetPath = path.join(stage.root, path.posix.resolve(stage.workingDirectory, target));
  for (const word of words) {
    const intoFolder = target.endsWith('/');
    const to = intoFolder ? path.join(targetPath, path.posix.basename(word)) : targetPath;
    mkdirSync(path.dirname(to), { recursive: true });
    cpSync(path.join(source, word), to, { recursive: true, verbatimSymlinks: true });
  }
}

function run(instruction: Instruction, stage: Stage): void {
  const command = instruction.getArgumentsContent() ?? '';
  if (!command.startsWith('npm ')) return;
  const result = spawnSync('sh', ['-c', command], {
    cwd: path.join(stage.root, stage.workingDirectory),
    encoding: 'utf8',
    env: { ...process.env, npm_config_prefer_offline: 'true', npm_config_loglevel: 'error' },
  });
  assert.equal(result.status, 0, `RUN ${command} in stage ${stage.name}:\n${result.stdout}${result.stderr}`);
}

function execForm(instruction: Instruction): string[] {
  const content = instruction.getArgumentsContent() ?? '';
  const parsed: unknown = JSON.parse(content);
  assert.ok(Array.isArray(parsed), `${instruction.getKeyword()} is in exec form, so that signals arrive`);
  return parsed.map(String);
}

function wordsOf(instruction: Instruction): string[] {
  return instruction.getArguments().map((argument) => argument.getValue());
}
