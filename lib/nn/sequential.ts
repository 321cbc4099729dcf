import { ContinualTorchError, describeValue } from '../errors';
import type { Tensor } from '../tensor/tensor';
import { type AnyModule, Module, runsTorchScript, stateOf } from './module';
import { scriptModule } from './script-module';

/** Modules by name, in their order. */
export type NamedModules = Readonly<Record<string, AnyModule>> | ReadonlyMap<string, AnyModule>;

/**
 * Applies its children one after the other (`torch.nn.Sequential`); they are named `0`, `1`, ..., or as an object or Map
 * says (an object has names that are numbers before all others). `sequential[0]`, `sequential.at(-1)` and
 * `for (const child of sequential)` reach them, and `sequential[0] = layer` puts another in a place, `delete sequential[0]` has those behind it move up. The output is the last
 * child's, for recurrent layers an array. With a child whose forward is TypeScript, or one that takes no tensor, it runs on
 * the JavaScript thread, else its forward is TorchScript.
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for a child that takes task labels
 */
export class Sequential<Output = Tensor> extends Module<Output> {
  [index: number]: AnyModule;

  constructor(named: NamedModules);
  constructor(...children: [...AnyModule[], Module<Output>]);
  constructor(...children: AnyModule[]);
  constructor(...children: (AnyModule | NamedModules)[]) {
    const named = namesOf(children);
    super(
      scriptModule<Sequential>('Sequential', {
        children: named,
        source,
        forward: (self, input: unknown) => stepsOf(self).reduce((x, child) => child.forward(x), input),
        property: (name) => name,
        check: (name, child: AnyModule) => requireOneInput(child, `under "${name}"`),
      }),
    );
    stateOf(this).beList(Sequential.prototype);
  }

  /** The number of children. */
  get length(): number {
    return stateOf(this).held().length;
  }

  /** The child at an index, counted from the end where negative. */
  at(index: number): AnyModule | undefined {
    return stepsOf(this).at(index);
  }

  /** Puts a child behind the others, under its index. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  append(child: AnyModule): this {
    this.registerModule(stateOf(this).nextName(), child);
    return this;
  }

  /** Puts a child behind the others. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  override registerModule(name: string, child: AnyModule | null): void {
    if (child instanceof Module) requireOneInput(child, `under "${name}"`);
    stateOf(this).give('registerModule', name, child);
  }

  /** The children in their order. */
  [Symbol.iterator](): IterableIterator<AnyModule> {
    return stepsOf(this)[Symbol.iterator]();
  }
}
runsTorchScript(Sequential.prototype.forward);

/** The children in their order. */
const stepsOf = (sequential: AnyModule): AnyModule[] => stateOf(sequential).held().map(([, child]) => child!); // prettier-ignore

function namesOf(children: (AnyModule | NamedModules)[]): Map<string, AnyModule> {
  const [first] = children;
  const isNamed = children.length === 1 && !(first instanceof Module) && isObject(first);
  const named = isNamed
    ? new Map<string, unknown>(first instanceof Map ? (first as Map<string, unknown>) : Object.entries(first as object))
    : new Map<string, unknown>(children.map((child, i) => [String(i), child]));
  for (const [name, child] of named) {
    const where = isNamed ? `under "${name}"` : `at index ${name}`;
    if (!(child instanceof Module)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `nn.Sequential: expected modules, got ${describeValue(child)} ${where}`,
      );
    }
    requireOneInput(child, where);
    if (typeof name !== 'string' || name === '' || name.includes('.')) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `nn.Sequential: expected names without a dot, got ${describeValue(name)}`,
      );
    }
  }
  return named as Map<string, AnyModule>;
}

function requireOneInput(child: AnyModule, where: string): void {
  if (!child.takesTaskLabels) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `nn.Sequential: expected children that take one input, got one that takes task labels as well ${where}`,
  );
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A name for each value, because what a child gives may be of another type than what it took. */
const source = (children: ReadonlyMap<string, AnyModule | null>) =>
  'def forward(self, input: Tensor):\n' +
  [...children.keys()]
    .map((name, i) => `  x${i + 1} = getattr(self, ${JSON.stringify(name)}).forward(${i === 0 ? 'input' : `x${i}`})\n`)
    .join('') +
  `  return ${children.size === 0 ? 'input' : `x${children.size}`}\n`;
