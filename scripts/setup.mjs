// Runs at the head of every npm script and brings everything up to date. It needs nothing but Node.
// This file imports nothing by itself, so that an old Node gets as far as the message below.
const OLDEST_NODE = 20;

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  const found = `${process.versions.node}, ${process.execPath}`;
  process.stderr.write(`setup: failed: continual-torch needs Node.js ${OLDEST_NODE} or later (found: ${found}).
How to get it:
  Debian, Ubuntu   sudo apt-get install nodejs npm   (where that is older: a version manager such as nvm)
  Fedora           sudo dnf install nodejs
  macOS            brew install node
  Windows          winget install OpenJS.NodeJS.LTS
`);
  process.exitCode = 1;
} else {
  Promise.all([import('./setup/main.mjs'), import('node:url')]).then(([{ runSetup }, { fileURLToPath }]) =>
    runSetup({ root: fileURLToPath(new URL('..', import.meta.url)).replace(/[\\/]$/, '') }));
}
