// Runs of every method that go on from a checkpoint in the middle of an experience.
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import {
  CheckpointPlugin,
  EWCPlugin,
  Generator,
  L2Plugin,
  LFLPlugin,
  LwFPlugin,
  manualSeed,
  MASPlugin,
  models,
  nn,
  optim,
  type Plugin,
  RWalkPlugin,
  type Stateful,
  SupervisedTemplate,
  SynapticIntelligencePlugin,
} from '../../../lib/index';
import { smallBenchmark } from '../../support/small-runs';
import { comparable } from '../../support/states';
import { withTempFolder } from '../../support/temp-folder';

const mlp = () => new models.SimpleMLP({ inputSize: 4, hiddenSize: 6, numClasses: 4, dropRate: 0.3 });
const growing = () => new nn.Sequential(new nn.Linear(4, 5), new nn.Dropout(0.3), new nn.ReLU(), new models.IncrementalClassifier(5));

const methods: Record<string, { plugin(): Plugin & Stateful; model?(): nn.Module }> = {
  'MAS, a window of samples, and a history': { plugin: () => new MASPlugin({ preset: 'capymoa', keepHistory: true, normalize: 'mean' }) },
  'MAS, single samples, in proximal steps': { plugin: () => new MASPlugin({ preset: 'paper', keepHistory: true, penaltyUpdate: 'proximal', lambdaReg: 3 }) },
  'MAS, shuffled, output layers free': { plugin: () => new MASPlugin({ preset: 'facil', lambdaReg: 3 }) },
  'EWC, separate': { plugin: () => new EWCPlugin({ ewcLambda: 5, keepImportanceData: true }) },
  'EWC, online, sample by sample': { plugin: () => new EWCPlugin({ ewcLambda: 5, mode: 'online', decayFactor: 0.8, granularity: 'sample' }) },
  L2: { plugin: () => new L2Plugin({ lambda: 0.5 }) },
  SI: { plugin: () => new SynapticIntelligencePlugin({ siLambda: 5, eps: 0.1, clip: null }) },
  'SI, a head that grows': { plugin: () => new SynapticIntelligencePlugin({ siLambda: [5, 2], eps: 0.1, clip: null, gradient: 'task' }), model: growing },
  RWalk: { plugin: () => new RWalkPlugin({ ewcLambda: 0.5, deltaT: 3 }) },
  LwF: { plugin: () => new LwFPlugin({ alpha: 2 }) },
  'LwF, a head that grows': { plugin: () => new LwFPlugin({ alpha: [1, 2] }), model: growing },
  LFL: { plugin: () => new LFLPlugin({ lambdaE: 2 }) },
};

describe('methods, in a checkpoint', () => {
  for (const [name, { plugin, model = mlp }] of Object.entries(methods)) {
    it(`${name}: a run goes on to the same bits`, () =>
      withTempFolder(async (folder) => {
        const make = () => {
          manualSeed(3);
          const net = model();
          return new SupervisedTemplate({
            model: net,
            optimizer: new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 }),
            trainMbSize: 3,
            trainEpochs: 2,
            evaluator: null,
            generator: new Generator({ device: 'cpu' }).manualSeed(5),
            plugins: [plugin(), new CheckpointPlugin(folder, { everyEpochs: 1, keep: 9 })],
          });
        };
        const all = ({ plugins: [method], model: net }: SupervisedTemplate) =>
          comparable({ model: Object.fromEntries(net.stateDict()), method: (method as Stateful).stateDict() });
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
