// A child process trains while its parent does.
const { fork } = require('node:child_process');
const { once } = require('node:events');
const library = require('continual-torch');
const { report, train } = require('./train.cjs');

async function main() {
  if (process.send) {
    process.send(await train(library));
    process.disconnect();
    return;
  }
  const child = fork(__filename);
  const [[theirs], ours] = await Promise.all([once(child, 'message'), train(library)]);
  if (theirs !== ours) throw new Error(`child: ${theirs}, parent: ${ours}`);
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`the child ended with ${code}`);
  report(ours);
}

void main();
