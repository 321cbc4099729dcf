/** The Python of the peers: the one that PYTHON names, or an environment that is made once in `.cache/bench-python`. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { BenchError } from './question';
import { root, type SetUp } from './set-up';

const folder = path.join(root, '.cache', 'bench-python');
const stampFile = path.join(folder, 'made-of.json');
const executable = path.join(folder, ...(process.platform === 'win32' ? ['Scripts', 'python.exe'] : ['bin', 'python']));

const avalanche = '0.6.0';

/** What pip is told, one call after the other. The first two's own dependencies would bring other versions and much else. */
const installs = (torch: string): string[][] => [
  [`torch==${torch}`],
  ['--no-deps', 'torchvision==0.28.0', `avalanche-lib==${avalanche}`],
  ['numpy', 'dill', 'psutil', 'scikit-learn', 'matplotlib', 'tensorboard', 'torchmetrics', 'tqdm'],
];

const lookInside = `
import json, platform
from importlib.metadata import version
import torch
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__, "avalanche": version("avalanche-lib")}))
`;

/** The build behind a "+" does not count. */
export const release = (version: string): string => version.split('+')[0]!;

export interface PeerPython {
  executable: string;
  /** Versions. */
  python: string;
  torch: string;
  avalanche: string;
}

/**
 * @param torch the version of our libtorch
 * @throws BenchError where there is none and none can be made, or where it has another torch
 */
export async function peerPython(setUp: SetUp, torch: string): Promise<PeerPython> {
  const named = process.env.PYTHON;
  if (!named) await makeEnvironment(setUp, release(torch));
  const found = { executable: named || executable, ...(await versions(setUp, named || executable)) };
  if (release(found.torch) !== release(torch)) {
    throw new BenchError(
      `${found.executable} has torch ${found.torch}, and ours is libtorch ${torch}: what they need cannot be compared.\n` +
        'Let PYTHON name a Python with that torch, or unset it: an environment is then made.',
    );
  }
  return found;
}

async function versions(setUp: SetUp, python: string): Promise<Omit<PeerPython, 'executable'>> {
  const { code, output, error } = await setUp.run(python, ['-c', lookInside], { cwd: root });
  if (code === 0) return JSON.parse(lastObject(output)) as Omit<PeerPython, 'executable'>;
  throw new BenchError(
    `${python} cannot run the peers, which need torch and avalanche-lib ${avalanche}:\n${error?.message ?? output.trim()}\n` +
      (process.env.PYTHON ? 'Unset PYTHON: an environment is then made.' : `Delete ${folder} and run the same command again.`),
  );
}

/** The last line that is a JSON object: libraries may print warnings around it. */
export function lastObject(output: string): string {
  return output.split('\n').findLast((line) => line.startsWith('{') && line.endsWith('}')) ?? '';
}

/** A stamp that is written last says of what the environment was made: without it, it is made anew. */
async function makeEnvironment(setUp: SetUp, torch: string): Promise<void> {
  const isMade = () => JSON.stringify(setUp.readStamp(stampFile)) === JSON.stringify(installs(torch));
  if (isMade()) return;
  const reporter = setUp.createReporter();
  const onWait = () => reporter.say('bench-python: another benchmark is making it; waiting for that one');
  await setUp.withLock(
    `${folder}.lock`,
    async () => {
      if (isMade()) return;
      const why = `the peers' Python with torch ${torch} and Avalanche ${avalanche}; downloads about 0.4 GB (2 GB where the index has CUDA builds alone)`;
      await setUp.runStep(reporter, 'bench-python', why, async (progress) => {
        rmSync(stampFile, { force: true });
        rmSync(folder, { recursive: true, force: true });
        await step(setUp, setUp.pythonCommand, ['-m', 'venv', folder], progress, [
          `Python 3.10 or later is needed as ${setUp.pythonCommand}, with its module venv (Debian, Ubuntu: sudo apt-get install python3-venv),`,
          `or let PYTHON name a Python that has torch ${torch}, avalanche-lib ${avalanche} and torchvision.`,
        ]);
        for (const packages of installs(torch)) {
          const quiet = ['--no-input', '--disable-pip-version-check', '--progress-bar', 'off'];
          await step(setUp, executable, ['-m', 'pip', 'install', ...quiet, ...packages], progress, [
            'pip asks the index that it is set to (pip config, PIP_INDEX_URL; proxy: HTTPS_PROXY). Without a network,',
            `let PYTHON name a Python that has torch ${torch}, avalanche-lib ${avalanche} and torchvision.`,
          ]);
        }
        setUp.writeStamp(stampFile, installs(torch));
      });
    },
    { onWait },
  );
}

async function step(
  setUp: SetUp,
  command: string,
  args: readonly string[],
  progress: (text: string) => void,
  waysOut: readonly string[],
): Promise<void> {
  const onOutput = (text: string) => progress(text.trim().split('\n').at(-1)!);
  const { code, output, error } = await setUp.run(command, args, { cwd: root, onOutput });
  if (code === 0) return;
  const why = error?.message ?? output.trim().split('\n').slice(-5).join('\n');
  throw new BenchError([`${command} ${args.join(' ')}: failed:`, why, ...waysOut].join('\n'));
}
