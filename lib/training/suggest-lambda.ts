import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { parseMetricName } from '../evaluation/metric';
import type { Strategy } from '../hooks/strategy';
import type { AnyExperience, Experiences } from '../hooks/train-options';
import { boolean, parseOptions } from '../options';
import { noProgressDisplay, progressDisplay } from '../progress-display';
import type { LastMetrics } from '../results/metric-values';
import { callUser } from '../user-function';
import { MASPlugin } from './plugins/mas';
import { abortError, signalSchema } from './templates/abort';
import { BaseSGDTemplate } from './templates/base-sgd';
import { toExperiences } from './templates/experiences';

const operation = 'suggestLambda';
const experiences = z.custom<Experiences>((value) => typeof value === 'object' && value !== null, 'experiences');
const schema = z.object({
  newStrategy: z.custom<SuggestLambdaOptions['newStrategy']>((value) => typeof value === 'function', 'a function'),
  trainStream: experiences,
  evalStream: experiences.optional(),
  verbose: boolean.default(false),
  signal: signalSchema.optional(),
});

/** What is tried first, where the mean importance is 1. */
const decades = [0.01, 0.1, 1, 10, 100, 1000];
/** How many more, at most, where the smallest is the best. */
const decadesBelow = 3;
const halfDecade = Math.sqrt(10);
/** What is as good as the best. */
const tolerance = 0.01;

/** Options of `suggestLambda`. */
export interface SuggestLambdaOptions {
  /**
   * Makes a strategy with a `MASPlugin` of this weight, each time with a new model and optimizer as they are before the stream. Seed
   * what it draws (`manualSeed`), so that nothing but the weight differs.
   */
  newStrategy: (lambdaReg: number) => Strategy | Promise<Strategy>;
  /** What each of them learns: two or three experiences, the first of the stream or others of its kind. */
  trainStream: Experiences;
  /** What it is judged by when it has learned all of them: validation data, not what the result is tested with. Default: `trainStream`. */
  evalStream?: Experiences;
  /** Shows progress on stderr. Default false. */
  verbose?: boolean;
  /** Aborts it: it rejects with ERR_ABORTED. */
  signal?: AbortSignal;
}

/** One `lambdaReg` that was tried. */
export interface TriedLambda {
  /** The weight of the penalty. */
  lambdaReg: number;
  /** The mean accuracy over the experiences, or minus the mean loss; null where the loss was no longer finite. */
  score: number | null;
}

/** What `suggestLambda` answers. */
export interface LambdaSuggestion {
  /** The largest of those whose score is within one percent of the best; 0 where every penalty costs more than it brings. */
  lambdaReg: number;
  /** What it came to. */
  score: number;
  /** All of them, ascending; the first is 0. */
  tried: TriedLambda[];
}

/**
 * Chooses `lambdaReg` by what a few experiences come to (as the cross-validation stream of Chaudhry et al., "Efficient Lifelong Learning
 * with A-GEM", ICLR 2019, section 2). It learns them once without penalty, then with every power of ten from 0.01 to 1000 divided by
 * the mean importance, with up to three below while the smallest is the best, and with the two half powers beside the best. Of those
 * within one percent of the best score it takes the largest, since longer streams forget more: 0 where every penalty costs more.
 *
 *     const { lambdaReg } = await suggestLambda({
 *       trainStream: trainStream.slice(0, 3),
 *       newStrategy: (lambdaReg) => {
 *         manualSeed(1);
 *         const model = newModel();
 *         return new MAS({ model, optimizer: new optim.Adam(model.parameters()), lambdaReg, penaltyUpdate: 'proximal' });
 *       },
 *     });
 *
 * The strategies' evaluators measure `Top1_Acc_Exp`, or where there is none `Loss_Exp`, in an evaluation of `evalStream` behind the last
 * experience; one without loggers prints nothing.
 * @throws ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; ERR_INVALID_ARG_VALUE for one experience where nothing is remembered yet, or where a
 * strategy has no `MASPlugin` of the weight asked for, is not a new one, does not learn every experience, or measures neither;
 * ERR_MAS_NO_IMPORTANCE where no importance is measured; ERR_CALLBACK where `newStrategy` throws; ERR_LOSS_NOT_FINITE where training
 * fails without a penalty; ERR_ABORTED; what `train` and `eval` throw
 */
export async function suggestLambda(options: SuggestLambdaOptions): Promise<LambdaSuggestion> {
  const { newStrategy, verbose, signal, ...streams } = parseOptions(operation, schema, options);
  const trainStream = experiencesOf('trainStream', streams.trainStream);
  const evalStream = experiencesOf('evalStream', streams.evalStream ?? trainStream);
  const display = verbose ? progressDisplay('lambdaReg') : noProgressDisplay;
  const seen = new WeakSet<object>();
  const tried: TriedLambda[] = [];

  /** Learns with a weight; the strategy as it is then. */
  const attempt = async (lambdaReg: number): Promise<{ mas: MASPlugin; strategy: Strategy }> => {
    if (signal?.aborted) throw abortError(operation, tried.length === 0 ? 'before it began' : `behind ${tried.length} trainings`, signal);
    display.update(tried.length / (decades.length + 3), String(lambdaReg));
    const made = await callUser('ERR_CALLBACK', `${operation}: newStrategy failed`, () => newStrategy(lambdaReg));
    const { strategy, mas } = requireNew(made, lambdaReg, seen);
    if (trainStream.length < 2 && !mas.hasMemory(strategy)) {
      throw refused('at least two experiences, or a MASPlugin that remembers something already', 'one, in which there is no penalty');
    }
    const before = strategy.clock.trainExpCounter;
    let score: number | null = null;
    mas.isOnTrial = true;
    try {
      await strategy.train(trainStream, { signal });
      const learned = strategy.clock.trainExpCounter - before;
      if (learned < trainStream.length) throw refused(`a strategy that learns ${trainStream.length} experiences`, `one that stopped behind ${learned}`);
      score = scoreOf(await strategy.eval(evalStream, { signal }), evalStream);
    } catch (error) {
      if (lambdaReg === 0 || !isOfBlowUp(error)) throw error;
    } finally {
      mas.isOnTrial = false;
    }
    if (lambdaReg === 0 && score === null) {
      throw new ContinualTorchError('ERR_LOSS_NOT_FINITE', `${operation}: expected a finite score without a penalty, got NaN or infinity`);
    }
    tried.push({ lambdaReg, score });
    return { strategy, mas };
  };

  try {
    const { strategy, mas } = await attempt(0);
    const importance = mas.report(strategy.model).total.importance.mean;
    if (!(importance > 0 && importance < Infinity)) {
      throw new ContinualTorchError('ERR_MAS_NO_IMPORTANCE', `${operation}: expected a mean importance above 0, got ${importance}`);
    }
    const tryUnit = (unit: number) => attempt(twoDigits(unit / importance));
    for (const unit of decades) {
      await tryUnit(unit);
      if (tried.at(-1)!.score === null) break; // larger ones fail too
    }
    const isSmallest = (lambdaReg: number) => tried.every((each) => each.lambdaReg === 0 || each.lambdaReg >= lambdaReg);
    for (let below = 1; below <= decadesBelow && isSmallest(chosen(tried).lambdaReg); below++) await tryUnit(decades[0]! / 10 ** below);
    const { lambdaReg } = chosen(tried);
    if (lambdaReg > 0) for (const beside of [lambdaReg / halfDecade, lambdaReg * halfDecade]) await attempt(twoDigits(beside));
  } finally {
    display.stop();
  }
  return { ...chosen(tried), tried: tried.sort((a, b) => a.lambdaReg - b.lambdaReg) };
}

const twoDigits = (value: number) => Number(value.toPrecision(2));

const refused = (expected: string, got: string) => new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${operation}: expected ${expected}, got ${got}`);

function experiencesOf(name: string, given: Experiences): AnyExperience[] {
  const list = toExperiences(`${operation}: ${name}`, given);
  if (list.length === 0) throw refused(`${name} to have experiences`, 'none');
  return list;
}

function chosen(tried: readonly TriedLambda[]): { lambdaReg: number; score: number } {
  const finite = tried.filter((each): each is { lambdaReg: number; score: number } => each.score !== null);
  const best = Math.max(...finite.map(({ score }) => score));
  const good = finite.filter(({ score }) => score >= best - tolerance * Math.abs(best));
  return good.reduce((a, b) => (b.lambdaReg > a.lambdaReg ? b : a));
}

/** Whether the steps on the penalty have run away: seen in the loss, or behind the last update in the importances. */
const isOfBlowUp = (error: unknown) =>
  error instanceof ContinualTorchError && (error.code === 'ERR_LOSS_NOT_FINITE' || (error.code === 'ERR_IMPORTANCE' && error.cause === undefined));

/** A strategy none of whose parts was trained here before, with a plugin of the weight asked for. */
function requireNew(made: unknown, lambdaReg: number, seen: WeakSet<object>): { strategy: Strategy; mas: MASPlugin } {
  const unlike = (expected: string, got: string) => refused(`newStrategy to make ${expected}`, got);
  if (!(made instanceof BaseSGDTemplate)) throw unlike('a strategy that learns by mini-batches', describeValue(made));
  const found = made.plugins.filter((plugin) => plugin instanceof MASPlugin);
  const [mas] = found;
  if (!mas || found.length > 1) throw unlike('a strategy with one MASPlugin', `${found.length}`);
  const parts = [made, ...made.plugins, ...made.model.namedModules().values()];
  if (parts.some((part) => seen.has(part))) throw unlike('a new strategy each time, with new plugins and a new model', 'one with a part that was trained already');
  if (mas.lambdaReg !== lambdaReg) throw unlike(`a MASPlugin whose lambdaReg is ${lambdaReg}`, `${mas.lambdaReg}`);
  for (const part of parts) seen.add(part);
  return { strategy: made, mas };
}

/** The larger the better: the mean over experiences of the accuracy, or minus the loss where there is none; null where it is not finite. */
function scoreOf(metrics: LastMetrics, experiences: readonly AnyExperience[]): number | null {
  const wanted = new Set(experiences.map(({ originStream, currentExperience }) => `${originStream.name} ${currentExperience}`));
  const mean = (metric: string) => {
    const values = Object.entries(metrics ?? {}).flatMap(([name, value]) => {
      const parts = parseMetricName(name);
      return parts?.metric === metric && parts.phase === 'eval' && wanted.has(`${parts.stream} ${parts.experience}`) ? [Number(value)] : [];
    });
    return values.length === 0 ? null : values.reduce((a, b) => a + b) / values.length;
  };
  const [accuracy, loss] = [mean('Top1_Acc_Exp'), mean('Loss_Exp')];
  if (accuracy === null && loss === null) {
    throw refused('an evaluator that measures Top1_Acc_Exp or Loss_Exp, as EvaluationPlugin(accuracyMetrics({ experience: true }))', 'neither');
  }
  const score = accuracy ?? -loss!;
  return Number.isFinite(score) ? score : null;
}
