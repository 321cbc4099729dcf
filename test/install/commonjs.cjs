const assert = require('node:assert/strict');
const library = require('continual-torch');
const { report, train } = require('./train.cjs');

// The device for tests is in the addon of a checkout alone.
assert.throws(() => library.setDefaultDevice('standin'), { code: 'ERR_DEVICE' });
void train(library).then(report);
