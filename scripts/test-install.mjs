// `npm run test:install [-- --tarballs FOLDER]`: installs the packages as a user does, from tarballs into an empty project,
// and runs there what users run. Without --tarballs the packages are made first.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prebuild } from './prebuild/main.mjs';
import { compile, prepareConsumers, runConsumers } from './test-install/consumers.mjs';
import { createProject, runIn, stranger } from './test-install/project.mjs';
import { prepareRuntimes } from './test-install/runtimes.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { values } = parseArgs({ options: { tarballs: { type: 'string' } } });

const say = (text) => console.log(`test:install: ${text}`);

async function installAndDemo(project, tarballs) {
  const installed = await runIn(project, ['npm', 'install', ...tarballs]);
  say(`npm install took ${installed.seconds.toFixed(1)} s`);
  const { stdout, seconds } = await runIn(project, ['npx', 'continual-torch', 'demo', '--quick', '--json']);
  const { naive, mas } = JSON.parse(stdout);
  if (!(mas.averageAccuracy > naive.averageAccuracy)) throw new Error(`the demo printed\n${stdout}`);
  say(`from npm install to the end of the quick demo: ${(installed.seconds + seconds).toFixed(1)} s (to reach: 60)`);
}

async function timeImport(project) {
  const times = [];
  for (let i = 0; i < 6; i++) times.push(Number((await runIn(project, [process.execPath, 'import.mjs'])).stdout));
  const [first, ...later] = times;
  const median = later.sort((one, other) => one - other)[2];
  say(`import: ${first.toFixed(2)} s the first time, then ${median.toFixed(2)} s (median of 5; to reach: 0.4)`);
}

async function runReadme(project) {
  await compile({ root, project, file: 'readme.mts', resolution: 'node16', outDir: 'readme' });
  const { stdout, seconds } = await runIn(project, [process.execPath, join('readme', 'readme.mjs')]);
  const accuracies = stdout.trim().split('\n').filter((line) => /^\d+ 0\.\d+$/.test(line));
  if (accuracies.length !== 3) throw new Error(`the README's example printed\n${stdout}`);
  say(`the README's example took ${seconds.toFixed(1)} s and printed\n  ${accuracies.join('\n  ')}`);
}

async function testInstall(project) {
  const folder = resolve(values.tarballs ?? join(root, 'build', 'packages'));
  if (values.tarballs === undefined) await prebuild({ root, folders: [] });
  const tarballs = readdirSync(folder).filter((name) => name.endsWith('.tgz')).map((name) => join(folder, name));
  say(`installing ${tarballs.length} tarballs in ${project.folder}`);
  await installAndDemo(project, tarballs);
  const consumers = await prepareConsumers({ root, project });
  await timeImport(project);
  await runReadme(project);
  say('consumers');
  await runConsumers({ project, consumers: [...consumers, ...(await prepareRuntimes(project))], version });
  const homeless = { ...project.env, HOME: undefined, USERPROFILE: undefined, LOCALAPPDATA: undefined };
  say(stranger ? 'consumers again, without HOME and by a user who may not write here' : 'consumers again, without HOME');
  await runConsumers({ project: { ...project, env: homeless }, consumers, version, user: stranger });
}

const project = createProject();
try {
  await testInstall(project);
  say('all is well');
} catch (error) {
  console.error(`test:install: failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  project.remove();
}
