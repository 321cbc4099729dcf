// Runs that go on from a checkpoint with what the variants of MAS remember: windows, histories, single samples.
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import { CheckpointPlugin, Generator, manualSeed, MASPlugin, type MASPluginOptions, nn, optim, SupervisedTemplate } from '../../../lib/index';
import { smallBenchmark } from '../../support/small-runs';
import { comparable } from '../../support/states';
import { withTempFolder } from '../../support/temp-folder';

describe('what MAS has measured, in a checkpoint', () => {
  const variants: Record<string, () => MASPluginOptions> = {
    'a window of samples, and a history': () => ({ preset: 'capymoa', keepHistory: true, normalize: 'mean' }),
    'single samples, in proximal steps': () => ({ preset: 'paper', keepHistory: true, penaltyUpdate: 'proximal', lambdaReg: 3 }),
    'shuffled, output layers free': () => ({ preset: 'facil', lambdaReg: 3 }),
  };
  for (const [name, options] of Object.entries(variants)) {
    it(`${name}: a run goes on to the same bits`, () =>
      withTempFolder(async (folder) => {
        const make = () => {
          manualSeed(3);
          const net = new nn.Sequential(new nn.Linear(4, 5), new nn.Dropout(0.3), new nn.ReLU(), new nn.Linear(5, 4));
          const mas = new MASPlugin(options());
          return new SupervisedTemplate({
            model: net,
            optimizer: new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 }),
            trainMbSize: 3,
            trainEpochs: 2,
            evaluator: null,
            generator: new Generator({ device: 'cpu' }).manualSeed(5),
            plugins: [mas, new CheckpointPlugin(folder, { everyEpochs: 1, keep: 9 })],
          });
        };
        const all = ({ model, plugins }: SupervisedTemplate) => {
          const mas = plugins.find((plugin) => plugin instanceof MASPlugin)!;
          const { importance, anchor, history = [], window } = mas.stateDict();
          return comparable({ model: Object.fromEntries(model.stateDict()), importance, anchor, history, window: window ?? null });
        };
        const { trainStream } = smallBenchmark({ train: 24 });
        const whole = make();
        await whole.train(trainStream);
        const resumed = make();
        const behindOneEpochOfTheSecond = path.join(folder, 'checkpoint-000003');
        assert.equal((await resumed.load(behindOneEpochOfTheSecond))!.experience?.index, 1);
        assert.notDeepEqual(all(resumed), all(whole));
        await resumed.train(trainStream.slice(resumed.clock.trainExpCounter));
        assert.deepEqual(all(resumed), all(whole));
      }));
  }
});
