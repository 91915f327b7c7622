/**
 * Lint rules. The layers of docs/architecture.md are rules here: a file imports only from its own layer
 * and those below it, and the layers that also run in the simulator and in a browser get time,
 * randomness, network and disk from ports alone. test/lint/layers.test.ts plants violations of each
 * and sees them caught.
 */

import { defineConfig, type OxlintOverride } from 'oxlint';

/** Bottom first. */
const layers = ['core', 'protocol', 'ports', 'storage', 'replica', 'frontends', 'platform', 'sim', 'cli'];

/** The same code in production, in the simulator and in a browser. */
const portable = ['core', 'protocol', 'ports', 'storage', 'replica', 'sim'];

/** Files that touch the real machine although their layer is portable, each with its reason. */
const exceptions = [
  // Catches code that reaches for the real clock or randomness, so it has to name them.
  'src/sim/alarm.ts',
  // Lets the real event loop empty the microtask queue between two simulated events.
  'src/sim/drain.ts',
];

/** Tests may import anything; a contract suite is a test that an implementation's test file calls. */
const tests = ['**/*.test.ts', 'src/**/*-contract*.ts', 'test/**/*.ts'];

const time = 'time comes from the Clock port';
const timers = 'timers come from the Clock port';
const randomness = 'randomness comes from the Random port';
const network = 'messages to other nodes go through the Transport port';
const anywhere = 'this layer also runs in a browser and in the simulator';
const hides = 'it would hide time, randomness and I/O from these rules';

const bannedGlobals = {
  Date: time,
  performance: time,
  Temporal: time,
  setTimeout: timers,
  setInterval: timers,
  setImmediate: timers,
  clearTimeout: timers,
  clearInterval: timers,
  clearImmediate: timers,
  crypto: randomness,
  fetch: network,
  WebSocket: network,
  process: anywhere,
  require: anywhere,
  Buffer: `${anywhere}: use Uint8Array`,
  console: `${anywhere}: use the Observer port`,
  globalThis: hides,
  global: hides,
  window: hides,
  self: hides,
};

const bannedProperties = [
  { object: 'Math', property: 'random', message: randomness },
  { object: 'AbortSignal', property: 'timeout', message: timers },
];

function layerOverride(layer: string): OxlintOverride {
  const position = layers.indexOf(layer);
  const allowed = layers.slice(0, position + 1).filter((other) => layer !== 'sim' || other !== 'platform');
  const banned = layers.filter((other) => !allowed.includes(other));
  const patterns = [
    { regex: `(^|/)(${banned.join('|')})/`, message: `${layer} may import from ${allowed.join(', ')} only` },
  ];
  if (portable.includes(layer)) {
    patterns.push({
      regex: '^[^.]',
      message: `${layer} imports no package and no node:* module; use a port`,
    });
  }
  return {
    files: [`src/${layer}/**/*.ts`],
    rules: { 'no-restricted-imports': ['error', { patterns }] },
  };
}

export default defineConfig({
  plugins: ['typescript', 'unicorn', 'oxc', 'import'],
  options: { typeAware: true, denyWarnings: true, reportUnusedDisableDirectives: 'error' },
  categories: { correctness: 'error', suspicious: 'error', perf: 'error' },
  env: { builtin: true, node: true },
  ignorePatterns: ['node_modules', 'dist', 'data', '.tmp'],
  rules: {
    eqeqeq: 'error',
    'import/no-cycle': 'error',
    'max-lines': ['error', { max: 400 }],
    'max-lines-per-function': ['error', { max: 100, skipBlankLines: true, skipComments: true }],
    'no-empty': ['error', { allowEmptyCatch: false }],
    'no-var': 'error',
    'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'] }],
    'prefer-const': 'error',
    'typescript/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
    'typescript/explicit-module-boundary-types': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': [
      'error',
      {
        // The runner itself waits for what is registered at the top of a test file.
        allowForKnownSafeCalls: [
          { from: 'package', name: ['describe', 'it', 'suite', 'test'], package: 'node:test' },
        ],
      },
    ],
    'typescript/no-misused-promises': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/no-unsafe-argument': 'error',
    'typescript/no-unsafe-assignment': 'error',
    'typescript/no-unsafe-call': 'error',
    'typescript/no-unsafe-member-access': 'error',
    'typescript/no-unsafe-return': 'error',
    'typescript/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
    'typescript/prefer-readonly': 'error',
    // A default is fine where one case stands out; without one, every case is there.
    'typescript/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
    'typescript/restrict-template-expressions': ['error', { allowNever: true, allowNumber: true }],
    // One after the other is what most loops here are for: a log, a page, a retry.
    'no-await-in-loop': 'off',
    // The types say which functions return a value.
    'typescript/consistent-return': 'off',
    // Branded ids and what a codec has checked are asserted; the rule cannot tell those from others.
    'typescript/no-unsafe-type-assertion': 'off',
    // A copy is made where the original changes during the loop, and sorted in place where it is one's own.
    'unicorn/no-useless-spread': 'off',
    'unicorn/no-array-reverse': 'off',
    'unicorn/no-array-sort': 'off',
    // Matters of taste that hide the findings that are not.
    'import/no-named-as-default-member': 'off',
    'no-shadow': 'off',
    'no-unmodified-loop-condition': 'off',
    'oxc/no-async-endpoint-handlers': 'off',
    'oxc/no-map-spread': 'off',
    'typescript/no-unnecessary-type-arguments': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/no-new-array': 'off',
    'unicorn/prefer-set-has': 'off',
  },
  overrides: [
    ...layers.slice(0, -1).map(layerOverride),
    {
      files: portable.map((layer) => `src/${layer}/**/*.ts`),
      rules: {
        'no-restricted-globals': [
          'error',
          ...Object.entries(bannedGlobals).map(([name, message]) => ({ name, message })),
        ],
        'no-restricted-properties': ['error', ...bannedProperties],
      },
    },
    {
      files: [...exceptions, ...tests],
      rules: {
        'no-restricted-imports': 'off',
        'no-restricted-globals': 'off',
        'no-restricted-properties': 'off',
      },
    },
    {
      files: tests,
      rules: {
        'max-lines': ['error', { max: 600 }],
        'max-lines-per-function': 'off',
        'typescript/explicit-module-boundary-types': 'off',
        // A bare await is how a test lets a turn of the microtask queue pass.
        'typescript/await-thenable': 'off',
        // What a test has parsed from JSON it looks into without a schema: a wrong shape fails it anyway.
        'typescript/no-unsafe-argument': 'off',
        'typescript/no-unsafe-assignment': 'off',
        'typescript/no-unsafe-member-access': 'off',
        'typescript/unbound-method': 'off',
      },
    },
    {
      // What JSON.parse gives is described in JSDoc there, which the linter does not read.
      files: ['bin/**/*.mjs', 'scripts/**/*.mjs'],
      rules: { 'typescript/no-unsafe-assignment': 'off' },
    },
  ],
});
