// @ts-check
// What both ways to the doctor say alike: `npx continual-torch doctor`, and `npm run doctor` in a clone, which works
// before anything is installed. JavaScript for that one's sake.
const { cpus } = require('node:os');
const { ACCEPTED_TEXT, describeCuda } = require('./libtorch-folder');
const { platformName, runtimeText } = require('./machine');

/**
 * `ok`: good, bad, or neither.
 * @typedef {{name: string, ok: boolean | null, text: string}} Row
 * @typedef {{title: string, rows: Row[]}} Section
 * @typedef {import('./search-order').Place} Place
 */

/**
 * @param {import('./machine').Machine} machine
 * @returns {Section}
 */
function machineSection(machine) {
  const { platform, glibc } = machine;
  const libc = { name: 'glibc', ok: glibc !== null, text: glibc ?? 'none (musl): PyTorch has no build for it' };
  return {
    title: 'This machine',
    rows: [
      { name: 'runtime', ok: true, text: `${runtimeText(machine)}  ${process.execPath}` },
      { name: 'platform', ok: null, text: platformName(machine) },
      { name: 'processor', ok: null, text: processorText() },
      ...(platform === 'linux' ? [libc] : []),
    ],
  };
}

function processorText() {
  const cores = cpus();
  return `${cores[0]?.model.trim() ?? 'unknown'}, ${cores.length} core${cores.length === 1 ? '' : 's'}`;
}

/**
 * @param {Place[]} places  in the order of search
 * @param {Place | null} used
 * @param {{source: string, why: string}[]} failures  of places that looked good
 * @returns {Section}
 */
function placeSection(places, used, failures = []) {
  // What is named is used or refused: behind it nothing is looked at.
  const last = places.findIndex(({ source, final }) => final || source === used?.source);
  const rows = places.map((place, position) => {
    const { source, root, version, cuda, faults } = place;
    const what = `${version ?? 'unknown version'} (${describeCuda(cuda)})  ${root}`;
    const why = [...faults, ...failures.flatMap((failure) => (failure.source === source ? failure.why : []))];
    if (source === used?.source) return { name: source, ok: true, text: `${what}  used` };
    if (why.length > 0) return { name: source, ok: root === null ? null : false, text: [...new Set(why)].join('; ') };
    const first = last !== -1 && last < position ? `  ${places[last]?.source} comes first` : '';
    return { name: source, ok: null, text: what + first };
  });
  return { title: `libtorch, in the order of search; accepted: ${ACCEPTED_TEXT}`, rows };
}

/**
 * @param {Section[]} sections
 * @param {NodeJS.WriteStream} stream
 */
function printSections(sections, stream = process.stdout) {
  const colours = (stream.isTTY && stream.hasColors?.()) ?? false;
  const paint = (/** @type {number} */ code, /** @type {string} */ text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text);
  const mark = { true: paint(32, '+'), false: paint(31, 'x'), null: '-' };
  for (const { title, rows } of sections) {
    const width = Math.max(...rows.map(({ name }) => name.length));
    const lines = rows.map(({ name, ok, text }) => `  ${mark[`${ok}`]} ${name.padEnd(width)}  ${text}`);
    stream.write(`${paint(1, title)}\n${lines.join('\n')}\n\n`);
  }
}

module.exports = { machineSection, placeSection, printSections };
