// The demo on a tenth of what its --quick takes, for a processor that is imitated: MAS shall forget less than naive training.
import demo from '../../dist/cli/demo-run.js';

const options = { stride: 50, model: null, seed: 0 };
const silent = { update() {}, stop() {} };
const [naive, mas] = [await demo.runDemo('naive', options, silent), await demo.runDemo('mas', options, silent)];
for (const [name, { averageAccuracy, forgetting, seconds }] of Object.entries({ naive, mas })) {
  console.log(`${name}: average accuracy ${averageAccuracy.toFixed(4)}, forgetting ${forgetting.toFixed(4)}, ${seconds.toFixed(0)} s`);
}
process.exitCode = mas.averageAccuracy > naive.averageAccuracy ? 0 : 1;
