// `npm run test:matrix [-- --all] [NAME...]`: the core's tests, the recorded runs and the traces in every way in which a machine
// may compute, whichever this one would choose. With --all the whole suite; with names, of these ways alone.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packageCommand } from './setup/dependencies.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const { values, positionals } = parseArgs({ options: { all: { type: 'boolean' } }, allowPositionals: true });

const threads = (count) => ({ OMP_NUM_THREADS: String(count) });
const overrides = (state) => ({ CONTINUAL_TORCH_OVERRIDES: state });
/** What a library computes with where it does not find what this processor has: another maker's, or an older one. */
const narrower = (isa) => ({ ATEN_CPU_CAPABILITY: isa.aten, MKL_ENABLE_INSTRUCTIONS: isa.mkl, ONEDNN_MAX_CPU_ISA: isa.onednn });
const avx512 = { aten: 'avx512', mkl: 'AVX512', onednn: 'AVX512_CORE' };
const avx2 = { aten: 'avx2', mkl: 'AVX2', onednn: 'AVX2' };
const sse = { aten: 'default', mkl: 'SSE4_2', onednn: 'SSE41' };

/** Elsewhere ATen warns of a width that it does not know, and nothing else heeds one. */
const ofX64 = [
  ...['avx2', 'baseline'].map((width) => [`vectors-${width}`, { ...overrides('on'), CONTINUAL_TORCH_VECTORS: width }]),
  ...['avx2', 'avx512'].map((capability) => [`aten-${capability}`, { ATEN_CPU_CAPABILITY: capability }]),
  ...['SSE4_2', 'AVX2', 'AVX512'].map((isa) => [`mkl-${isa}`, { MKL_ENABLE_INSTRUCTIONS: isa }]),
  ...['SSE41', 'AVX2', 'AVX512_CORE'].map((isa) => [`onednn-${isa}`, { ONEDNN_MAX_CPU_ISA: isa }]),
  ...Object.entries({ avx512, avx2, sse }).flatMap(([name, isa]) =>
    ['on', 'off'].map((state) => [`${name}-${state}`, { ...narrower(isa), ...overrides(state) }]),
  ),
];

const ways = new Map([
  ...['on', 'off'].flatMap((state) => [1, 2, 3].map((count) => [`${state}-${count}`, { ...overrides(state), ...threads(count) }])),
  ['aten-default', { ATEN_CPU_CAPABILITY: 'default' }],
  ...(process.arch === 'x64' ? ofX64 : []),
]);

const tests = values.all ? ['test/**/*.test.ts'] : ['test/parity/*.test.ts', 'test/training/templates/*.test.ts'];
const suites = [
  [process.execPath, [path.join(root, 'scripts', 'test-native.mjs')]],
  [process.execPath, [packageCommand(root, 'mocha', 'mocha'), '--reporter', 'dot', ...tests]],
];

function passes(environment) {
  // Teams that do not spin: three threads may have to share two cores.
  const env = { ...process.env, OMP_WAIT_POLICY: 'PASSIVE', ...environment };
  return suites.every(([command, args]) => spawnSync(command, args, { cwd: root, stdio: 'inherit', env }).status === 0);
}

const unknown = positionals.find((name) => !ways.has(name));
if (unknown !== undefined) {
  console.error(`test:matrix: unknown way "${unknown}"; there are ${[...ways.keys()].join(', ')}`);
  process.exit(2);
}
const chosen = positionals.length > 0 ? positionals : [...ways.keys()];
console.log(`test:matrix: ${cpus()[0].model.trim()}, ${cpus().length} cores`);
const failed = chosen.filter((name) => {
  console.log(`\ntest:matrix: ${name}: ${Object.entries(ways.get(name)).map((pair) => pair.join('=')).join(' ')}`);
  return !passes(ways.get(name));
});
console.log(failed.length === 0 ? `test:matrix: all of ${chosen.length} ways pass` : `test:matrix: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
