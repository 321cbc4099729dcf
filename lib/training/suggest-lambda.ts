import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { parseMetricName } from '../evaluation/metric';
import type { Strategy } from '../hooks/strategy';
import type { AnyExperience, Experiences } from '../hooks/train-options';
import { boolean, parseOptions } from '../options';
import { noProgressDisplay, progressDisplay } from '../progress-display';
import type { LastMetrics } from '../results/metric-values';
import { callUser } from '../user-function';
import { MASPlugin } from './plugins/mas';
import { signalSchema } from './templates/abort';
import { BaseTemplate } from './templates/base';
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
  /** What each of them learns: two or three experiences of those to come. */
  trainStream: Experiences;
  /** What it is judged by when it has learned all of them. Default: `trainStream`. */
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
  /** The largest of those whose score is within one percent of the best. */
  lambdaReg: number;
  /** What it came to. */
  score: number;
  /** All of them, ascending; the first is 0. */
  tried: TriedLambda[];
}

/**
 * Chooses `lambdaReg` as hyperparameters of continual learning are chosen (Chaudhry et al., "Efficient Lifelong Learning with A-GEM",
 * ICLR 2019, section 3): by what a few experiences come to. It learns them once without penalty, then with every power of ten from 0.01 to 1000
 * divided by the mean importance, and with the two half powers beside the best: nine trainings in all, whatever the model, the variant
 * of MAS, the optimizer and the way in which the penalty reaches the parameters. Of those within one percent of the best score the
 * largest is taken, since longer streams forget more.
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
 * The strategies' evaluators measure: `Top1_Acc_Exp`, or where there is none `Loss_Exp`, in an evaluation of `evalStream` behind the last
 * experience.
 * @throws ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; ERR_INVALID_ARG_VALUE where a strategy has no `MASPlugin` of the weight asked for, is not a new
 * one, or measures neither; ERR_MAS_NO_IMPORTANCE where no importance is measured; ERR_CALLBACK where `newStrategy` throws;
 * ERR_LOSS_NOT_FINITE where training fails without a penalty; ERR_ABORTED; what `train` and `eval` throw
 */
export async function suggestLambda(options: SuggestLambdaOptions): Promise<LambdaSuggestion> {
  const { newStrategy, verbose, signal, ...streams } = parseOptions(operation, schema, options);
  const trainStream = toExperiences(operation, streams.trainStream);
  const evalStream = toExperiences(operation, streams.evalStream ?? trainStream);
  if (trainStream.length === 0 || evalStream.length === 0) {
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${operation}: expected experiences, got none`);
  }
  const display = verbose ? progressDisplay('lambdaReg') : noProgressDisplay;
  const seen = new Set<object>();
  const tried: TriedLambda[] = [];

  /** What a weight comes to, and the mean importance behind the last experience. */
  const attempt = async (lambdaReg: number): Promise<{ score: number | null; importance: number }> => {
    display.update(tried.length / (decades.length + 3), String(lambdaReg));
    const strategy = await callUser('ERR_CALLBACK', `${operation}: newStrategy failed`, () => newStrategy(lambdaReg));
    const mas = pluginOf(strategy, lambdaReg, seen);
    mas.isOnTrial = true;
    let score: number | null = null;
    try {
      await strategy.train(trainStream, { signal });
      score = scoreOf(await strategy.eval(evalStream, { signal }), evalStream);
    } catch (error) {
      if (lambdaReg === 0 || !isOfBlowUp(error)) throw error;
    }
    tried.push({ lambdaReg, score });
    return { score, importance: mas.report(strategy.model).total.importance.mean ?? 0 };
  };

  try {
    const { importance } = await attempt(0);
    if (!(importance > 0 && importance < Infinity)) {
      throw new ContinualTorchError('ERR_MAS_NO_IMPORTANCE', `${operation}: expected a mean importance above 0, got ${importance}`);
    }
    const weight = (unit: number) => Number((unit / importance).toPrecision(2));
    for (const unit of decades) {
      const { score } = await attempt(weight(unit));
      if (score === null) break; // larger ones fail too
    }
    const coarse = chosen(tried).lambdaReg;
    if (coarse > 0) for (const lambdaReg of [coarse / halfDecade, coarse * halfDecade]) await attempt(Number(lambdaReg.toPrecision(2)));
  } finally {
    display.stop();
  }
  return { ...chosen(tried), tried: tried.sort((a, b) => a.lambdaReg - b.lambdaReg) };
}

function chosen(tried: readonly TriedLambda[]): { lambdaReg: number; score: number } {
  const finite = tried.filter((each): each is { lambdaReg: number; score: number } => each.score !== null);
  const best = Math.max(...finite.map(({ score }) => score));
  const good = finite.filter(({ score }) => score >= best - tolerance * Math.abs(best));
  return good.reduce((a, b) => (b.lambdaReg > a.lambdaReg ? b : a));
}

/** Whether the steps on the penalty have run away: seen in the loss, or behind the last update in the importances. */
const isOfBlowUp = (error: unknown) =>
  error instanceof ContinualTorchError && (error.code === 'ERR_LOSS_NOT_FINITE' || error.code === 'ERR_IMPORTANCE');

/** The plugin whose weight is asked for, of a strategy that nothing here has trained yet. */
function pluginOf(strategy: unknown, lambdaReg: number, seen: Set<object>): MASPlugin {
  const refused = (expected: string, got: string) =>
    new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${operation}: expected newStrategy to make ${expected}, got ${got}`);
  if (!(strategy instanceof BaseTemplate)) throw refused('a strategy', 'something else');
  const { model, plugins } = strategy;
  for (const part of [strategy, model, ...plugins]) {
    if (seen.has(part)) throw refused('a new strategy with a new model and new plugins each time', 'one again that was trained already');
  }
  const found = plugins.filter((plugin) => plugin instanceof MASPlugin);
  const [mas] = found;
  if (!mas || found.length > 1) throw refused('a strategy with one MASPlugin', `${found.length}`);
  for (const part of [strategy, model, mas]) seen.add(part);
  if (mas.lambdaReg !== lambdaReg) throw refused(`a MASPlugin whose lambdaReg is ${lambdaReg}`, `${mas.lambdaReg}`);
  return mas;
}

/** The larger the better: the mean over experiences of the accuracy, or of the loss where there is none. */
function scoreOf(metrics: LastMetrics, experiences: readonly AnyExperience[]): number | null {
  const streams = new Set(experiences.map(({ originStream }) => originStream.name));
  const mean = (wanted: string) => {
    const values = Object.entries(metrics).flatMap(([name, value]) => {
      const parts = parseMetricName(name);
      return parts?.metric === wanted && parts.phase === 'eval' && streams.has(parts.stream) ? [Number(value)] : [];
    });
    return values.length === 0 ? null : values.reduce((a, b) => a + b) / values.length;
  };
  const [accuracy, loss] = [mean('Top1_Acc_Exp'), mean('Loss_Exp')];
  if (accuracy === null && loss === null) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected an evaluator that measures Top1_Acc_Exp or Loss_Exp, as EvaluationPlugin(accuracyMetrics({ experience: true })), got neither`,
    );
  }
  const score = accuracy ?? -loss!;
  return Number.isFinite(score) ? score : null;
}
