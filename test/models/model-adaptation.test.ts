import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Experience, models, nn } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { experience, ramp } from '../support/recorded-models';

/** Notes that it was adapted. */
class Noting extends nn.Sequential {
  autoAdapt = true;
  constructor(
    private readonly name: string,
    private readonly log: string[],
    ...children: nn.Module[]
  ) {
    super(...children);
  }
  adaptation({ classesInThisExperience }: Experience): void {
    this.log.push(`${this.name}: ${classesInThisExperience.join()}`);
  }
}

describe('models.avalancheModelAdaptation', () => {
  it('goes depth first from the outermost module, to any module that has the method', () => {
    const log: string[] = [];
    const inner = new Noting('inner', log);
    const model = new Noting(
      'model',
      log,
      new nn.ReLU(),
      new nn.Sequential(new Noting('outer', log, inner)),
      new Noting('last', log),
    );
    models.avalancheModelAdaptation(model, experience([4, 2]));
    assert.deepEqual(log, ['model: 4,2', 'outer: 4,2', 'inner: 4,2', 'last: 4,2']);
  });

  it('adapts a module that stands in several places once', () => {
    const log: string[] = [];
    const shared = new Noting('shared', log);
    models.avalancheModelAdaptation(new nn.Sequential(shared, new nn.Sequential(shared), shared), experience([1]));
    assert.deepEqual(log, ['shared: 1']);
  });

  it('skips a module with autoAdapt false and what is inside it, unless it is the outermost', () => {
    const log: string[] = [];
    const inner = new Noting('inner', log);
    const own = new Noting('own', log, inner);
    own.autoAdapt = false;
    models.avalancheModelAdaptation(new nn.Sequential(own), experience([1]));
    assert.deepEqual(log, []);
    models.avalancheModelAdaptation(own, experience([1]));
    assert.deepEqual(log, ['own: 1', 'inner: 1']);
    const classifier = new models.IncrementalClassifier(1, { autoAdapt: false });
    models.avalancheModelAdaptation(new nn.Sequential(classifier), experience([8]));
    assert.deepEqual(classifier.forward(ramp(1, 1)).shape, [1, 2]);
  });

  it('leaves a model alone in which nothing adapts', () => {
    const model = new models.SimpleMLP({ inputSize: 2, hiddenSize: 2 });
    const before = model.parameters();
    models.avalancheModelAdaptation(model, experience([99]));
    model.parameters().forEach((p, i) => assert.ok(p.isSame(before[i]!)));
  });

  it('passes on what a module throws', () => {
    class Failing extends nn.ReLU {
      adaptation(): void {
        throw new Error('no room');
      }
    }
    assert.throws(
      () => models.avalancheModelAdaptation(new nn.Sequential(new Failing()), experience([1])),
      /^Error: no room$/,
    );
  });

  it('misuse: a model that is none', () =>
    void throwsWithCode(
      () => models.avalancheModelAdaptation({} as never, experience([1])),
      'ERR_INVALID_ARG_TYPE',
      /^avalancheModelAdaptation: expected a Module, got an object$/,
    ));
});
