const library = require('continual-torch');
const { report, train } = require('./train.cjs');

void train(library).then(report);
