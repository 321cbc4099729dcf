import * as product from '../index';
import {
  ContinualTorchError,
  type Criterion,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
} from '../index';
import type { Config, Description } from './parity-config';

type Class<T> = new (...args: never[]) => T;

/** `new type(...given)`, where what is given comes from a config: the class itself checks it. */
export function construct<T>(type: Class<T>, ...given: unknown[]): T {
  return new type(...(given as never[]));
}

/** The classes of a part of the package that `belongs` picks, by name. */
export function classes<T>(exported: object, belongs: (type: Class<T>, name: string) => boolean): Map<string, Class<T>> {
  const entries = Object.entries(exported) as [string, Class<T>][];
  return new Map(entries.filter(([name, type]) => typeof type === 'function' && /^[A-Z]/.test(name) && belongs(type, name)));
}

const strategies = classes<SupervisedTemplate>(
  product,
  (type) => type === SupervisedTemplate || type.prototype instanceof SupervisedTemplate,
);
const plugins = classes<Plugin>(product, (_, name) => name.endsWith('Plugin'));
const optimizers = classes<optim.Optimizer>(optim, (type) => type.prototype instanceof optim.Optimizer);

/** What is of that name. */
export function named<T>(what: string, known: Map<string, T>, name: string): T {
  const found = known.get(name);
  if (found !== undefined) return found;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `parity: expected ${what} to be one of ${[...known.keys()].sort().join(', ')}, got ${name}`,
  );
}

/** Options of Python as they are called here; null stands for one that is not given. */
function translated(options: Record<string, unknown>): Record<string, unknown> {
  const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(
    Object.entries(options)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [camelCase(name), value]),
  );
}

/**
 * The reference's SI, with `true_copies` as it is on a GPU. On the CPU its copies of the parameters share their memory: no
 * parameter ever differs from its copy, and the penalty is 0 whatever its weight.
 */
function ofSynapticIntelligence({ true_copies: areCopies, ...options }: Record<string, unknown>): Record<string, unknown> {
  return areCopies === true ? { ...options, keepNegative: true } : { ...options, si_lambda: 0 };
}

/** What is given to a class of this name. */
function optionsOf(type: string, options: Record<string, unknown>): Record<string, unknown> {
  return translated(/^SynapticIntelligence(Plugin)?$/.test(type) ? ofSynapticIntelligence(options) : options);
}

/** The strategy of a run; what the description of it says comes to the options that all have. */
export function makeStrategy(description: Config['strategy'], options: SupervisedTemplateOptions): SupervisedTemplate {
  const { type, ...own } = typeof description === 'object' ? description : { type: description ?? 'SupervisedTemplate' };
  return construct(named('strategy', strategies, type), { ...options, ...optionsOf(type, own) });
}

/** The plugins of a run. */
export function makePlugins({ strategy, methods, lambdaReg, alpha }: Config): Plugin[] {
  const descriptions = methods ?? (strategy ? [] : [{ type: 'MASPlugin', lambdaReg, alpha }]);
  return descriptions.map(({ type, ...options }) => construct(named('a method', plugins, type), optionsOf(type, options)));
}

/** Which implementation computes the update; it does not change the result. */
const implementationChoices = ['foreach', 'fused', 'capturable', 'differentiable'];

/** The optimizer of a run. */
export function makeOptimizer({ type, ...recorded }: Description, parameters: Tensor[]): optim.Optimizer {
  const options = translated(Object.fromEntries(Object.entries(recorded).filter(([name]) => !implementationChoices.includes(name))));
  const { decoupledWeightDecay, ...rest } = options;
  const make = (name: string, own: object) => construct(named('optimizer', optimizers, name), parameters, own);
  // PyTorch's Adam with this flag is AdamW but for the default of its weight decay.
  if (type === 'Adam' && decoupledWeightDecay === true) return make('AdamW', { weightDecay: 0, ...rest });
  return make(type, /^AdamW?$/.test(type) ? rest : options);
}

const crossEntropy = new nn.CrossEntropyLoss();
const criteria = new Map<string, Criterion>([
  ['CrossEntropyLoss', crossEntropy],
  [
    'cross entropy of the output averaged over its last dim',
    (output, target) => crossEntropy.forward(ops.aten.mean!(output, [-1]) as Tensor, target),
  ],
]);

/** The criterion of a run. */
export function makeCriterion(name: string): Criterion {
  return named('criterion', criteria, name);
}
