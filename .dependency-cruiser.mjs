// What stands where in lib/, from the ground up: a file uses its own room and those before it, and no file uses itself in
// a circle. Imports of types count as well.
const rooms = [
  // The ground: no tensor, no addon.
  'errors', 'inspect', 'version', 'wrong-argument', 'user-function', 'options', 'write-aside', 'latency', 'numpy-random',
  'half-to-even', 'element-types', 'phase', 'progress-display', 'calls-around',
  // Which libtorch, and the door to it.
  'libtorch', 'native', 'threads', 'cuda',
  // PyTorch.
  'tensor', 'state', 'random', 'data', 'nn', 'jit', 'optim', 'amp', 'weights', 'checkpoint', 'torch',
  // Continual learning.
  'benchmarks', 'models', 'results', 'hooks', 'evaluation', 'logging', 'training',
  // What users and the command line see.
  'index', 'cli',
];

/** A folder of lib, or a file of that name. */
const pathOf = (...names) => `^lib/(${names.join('|')})(/|\\.[jt]s$)`;

export default {
  forbidden: [
    { name: 'no-circle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'has-a-room', severity: 'error', from: { pathNot: pathOf(...rooms) }, to: {} },
    { name: 'is-in-a-room', severity: 'error', from: {}, to: { pathNot: pathOf(...rooms) } },
    ...rooms.slice(0, -1).map((room, i) => ({
      name: `${room}-uses-nothing-above`,
      severity: 'error',
      from: { path: pathOf(room) },
      to: { path: pathOf(...rooms.slice(i + 1)) },
    })),
  ],
  options: {
    includeOnly: '^lib/',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
