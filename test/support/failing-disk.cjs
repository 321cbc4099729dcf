// Preloaded into a process: of what it does with files below a folder `checkpoints`, some fails as it does where a disk is full,
// withdrawn or broken. The environment variable FAILING_DISK is a seed.
/* global process */
'use strict';
const promises = require('node:fs/promises');

let state = Number(process.env.FAILING_DISK) >>> 0;
/** In [0, 1): a linear congruential generator is random enough to spread failures. */
function random() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
}

const share = 0.12;
for (const name of ['mkdir', 'open', 'rename', 'writeFile', 'rm']) {
  const works = promises[name];
  promises[name] = (path, ...rest) => {
    const isReading = name === 'open' && rest[0] === 'r' && random() < 0.5;
    if (!String(path).includes('checkpoints') || isReading || random() >= share) return works(path, ...rest);
    const code = ['ENOSPC', 'EIO', 'EROFS', 'EDQUOT'][Math.floor(random() * 4)];
    const message = `${code}: made to fail, ${name} '${path}'`;
    return Promise.reject(Object.assign(new Error(message), { code, syscall: name, path: String(path) }));
  };
}
