import type { Dataset, MiniBatch, MiniBatchSource } from '../../data/dataset';
import { fromNativeInputs, type Inputs, requireInputs, requireOneInput, toNativeInputs } from '../../data/inputs';
import { native } from '../../native/binding';
import type { NativeCriterion, NativeTrainingStep } from '../../native/types';
import { CrossEntropyLoss } from '../../nn/losses';
import { isScripted, type Module, nativeModule } from '../../nn/module';
import type { Optimizer } from '../../optim/optimizer';
import { parseArgument } from '../../options';
import type { Phase } from '../../phase';
import { requireTensor, Tensor } from '../../tensor/tensor';
import { succeeded } from '../iteration/iteration-plan';
import { requireMiniBatch } from '../iteration/mini-batch-source';
import { NativeRuns } from '../iteration/native-runs';
import { PassesUnderWay } from '../iteration/passes-under-way';
import { MaskedCrossEntropy } from '../plugins/masked-cross-entropy';
import { BaseTemplate } from './base';
import type { BaseTemplateOptions } from './base-options';
import { baseSGDOptions, type Criterion } from './sgd-options';

/**
 * What a strategy learns with: the model, its optimizer and criterion, and the current mini-batch with its output and loss, all
 * of them held by the native training step.
 */
export abstract class MiniBatchTemplate extends BaseTemplate {
  /** What the current experience is trained on or evaluated with; a plugin may replace it in the dataset hooks. */
  adaptedDataset: Dataset | null = null;
  /** Where mini-batches come from; a plugin may replace it in `beforeTrainingExp` and `beforeEvalExp`. */
  dataloader: MiniBatchSource = [];
  /** @internal */
  readonly step: NativeTrainingStep;
  /** @internal */
  protected readonly nativeRuns = new NativeRuns(this);
  /** @internal */
  protected readonly passesUnderWay = new PassesUnderWay();
  /** The criterion as it was given. */
  readonly lossFunction: Criterion;
  private currentOptimizer: Optimizer;
  /** What C++ computes at present. */
  private knownCriterion: NativeCriterion | null;
  private plainCriterion: NativeCriterion | null = null;

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_DEVICE */
  constructor(options: BaseTemplateOptions, optimizer: Optimizer, lossFunction: Criterion) {
    super(options);
    this.currentOptimizer = optimizer;
    this.lossFunction = lossFunction;
    this.knownCriterion = this.nativeCriterion();
    this.step = native.createTrainingStep(nativeModule(super.model), optimizer.handle, this.knownCriterion, this.device);
  }

  override get model(): Module {
    return super.model;
  }

  override set model(model: Module) {
    this.step.setModel(nativeModule(parseArgument('strategy', 'model', baseSGDOptions.model, model)));
    super.model = model;
  }

  /** What updates the parameters. */
  get optimizer(): Optimizer {
    return this.currentOptimizer;
  }

  /** Another optimizer may take its place in `makeOptimizer`. */
  set optimizer(optimizer: Optimizer) {
    this.step.setOptimizer(parseArgument('strategy', 'optimizer', baseSGDOptions.optimizer, optimizer).handle);
    this.currentOptimizer = optimizer;
  }

  /** The current mini-batch, `[x, y, taskId]`; null outside of an iteration. @throws ERR_INPUTS where x is several tensors */
  get mbatch(): MiniBatch | null {
    const x = this.mbInputs;
    return x && [requireOneInput('mbatch', x, 'mbInputs has all of them'), this.read('y')!, this.read('taskId')!];
  }

  /** Another mini-batch takes its place. */
  set mbatch(batch: MiniBatch<Inputs> | [Inputs, Tensor]) {
    const [x, y, taskId] = requireMiniBatch(batch);
    this.step.setBatch(toNativeInputs(x), y.handle, taskId.handle);
  }

  /** Inputs of the current mini-batch, [B, ...] each, as the data has them: one tensor, an array or an object of tensors. */
  get mbInputs(): Inputs | null {
    const inputs = this.step.get('x');
    return inputs && fromNativeInputs(inputs);
  }

  /** Other inputs take their place for the rest of the iteration. */
  set mbInputs(x: Inputs) {
    this.step.set('x', toNativeInputs(requireInputs('mbInputs: expected', x)));
  }

  /**
   * The input of the current mini-batch, [B, ...]; null outside of an iteration.
   * @throws ERR_INPUTS where there are several: `mbInputs` has all of them
   */
  get mbX(): Tensor | null {
    const x = this.mbInputs;
    return x && requireOneInput('mbX', x, 'mbInputs has all of them');
  }

  /** Another input takes its place for the rest of the iteration. */
  set mbX(x: Tensor) {
    this.step.set('x', requireTensor('mbX', x).handle);
  }

  /** Targets of the current mini-batch, [B] or [B, ...]. */
  get mbY(): Tensor | null {
    return this.read('y');
  }

  /** Other targets take their place for the rest of the iteration. */
  set mbY(y: Tensor) {
    this.step.set('y', requireTensor('mbY', y).handle);
  }

  /** Task labels of the current mini-batch, int64 [B]. */
  get mbTaskId(): Tensor | null {
    return this.read('taskId');
  }

  /** The model's output for the current mini-batch. */
  get mbOutput(): Tensor | null {
    return this.read('output');
  }

  /** Another output takes its place. */
  set mbOutput(output: Tensor) {
    this.step.set('output', requireTensor('mbOutput', output).handle);
  }

  /** The loss: [1] in training, penalties included; 0-dim in evaluation. */
  get loss(): Tensor {
    return this.read('loss')!;
  }

  /** Another loss takes its place: what is added to it is trained too. */
  set loss(loss: Tensor) {
    this.step.set('loss', requireTensor('loss', loss).handle);
  }

  /** Runs phases on the compute thread, once: those of `Phase`, of a `QuadraticPenalty`, and others of plugins. */
  async runNative(phases: Phase[]): Promise<void> {
    succeeded(await this.nativeRuns.run(phases, 1));
  }

  /** @internal Whether C++ can compute the criterion; it is then told of it as it is at present. */
  hasNativeCriterion(): boolean {
    const criterion = this.nativeCriterion();
    if (criterion !== null && criterion !== this.knownCriterion) this.step.setCriterion(criterion);
    this.knownCriterion = criterion ?? this.knownCriterion;
    return criterion !== null;
  }

  private nativeCriterion(): NativeCriterion | null {
    const { lossFunction } = this;
    if (lossFunction instanceof MaskedCrossEntropy) return lossFunction.nativeCriterion();
    if (!(lossFunction instanceof CrossEntropyLoss) || !isScripted(lossFunction) || lossFunction.reduction !== 'mean') return null;
    const { weight, ignoreIndex, labelSmoothing } = lossFunction;
    return (this.plainCriterion ??= { weight: weight?.handle ?? null, ignoreIndex, labelSmoothing, classes: null });
  }

  /** A tensor of the current iteration; null where there is none. */
  protected read(name: 'y' | 'taskId' | 'output' | 'loss'): Tensor | null {
    const handle = this.step.get(name);
    return handle && new Tensor(handle);
  }

  /** @internal */
  protected override holdModel(operation: string, hosts: number[]): { call: number; isShared: boolean } {
    const held = this.step.hold(operation, hosts);
    this.passesUnderWay.callBegins();
    return held;
  }

  protected override releaseModel(): void {
    this.passesUnderWay.callEnds();
    this.step.release();
  }

  protected override endOfPasses(): Promise<void> {
    return this.passesUnderWay.settle();
  }

  protected override trainCleanUp(): (() => void)[] {
    return [() => this.closePasses(0), ...this.cleanUp()];
  }

  protected override evalCleanUp(): (() => void)[] {
    return this.cleanUp();
  }

  protected override saveTrainState(): (() => void)[] {
    const { adaptedDataset, dataloader } = this;
    const passes = this.step.passes();
    return [
      ...super.saveTrainState(),
      () => (this.adaptedDataset = adaptedDataset),
      () => (this.dataloader = dataloader),
      () => this.closePasses(passes),
    ];
  }

  /** @internal */
  protected override saveMiniBatch(): (() => void)[] {
    const { mbInputs, mbY, mbTaskId, mbOutput, loss } = this;
    return [
      () => mbInputs && mbY && mbTaskId && this.step.setBatch(toNativeInputs(mbInputs), mbY.handle, mbTaskId.handle),
      () => mbOutput && this.step.set('output', mbOutput.handle),
      () => this.step.set('loss', loss.handle),
    ];
  }

  private closePasses(left: number): void {
    while (this.step.passes() > left) this.step.close();
  }

  private cleanUp(): (() => void)[] {
    return [() => (this.adaptedDataset = null), () => (this.dataloader = []), () => this.step.clear()];
  }
}
