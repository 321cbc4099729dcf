import { ContinualTorchError, describeValue } from '../errors';
import { Module, runsTorchScript } from './module';
import { scriptModule } from './script-module';
import type { Tensor } from '../tensor/tensor';

type Named = Readonly<Record<string, Module>> | ReadonlyMap<string, Module>;

/**
 * Applies its children one after the other (`torch.nn.Sequential`); they are named `0`, `1`, ..., or as an object or Map
 * says (an object has names that are numbers before all others). `sequential[0]`, `sequential.at(-1)` and `for (const child of sequential)` reach them. With a child whose forward is
 * TypeScript it runs on the JavaScript thread, else its forward is TorchScript.
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for a child that takes task labels
 */
export class Sequential extends Module {
  readonly [index: number]: Module;
  readonly #steps: readonly Module[];
  readonly #isScript: boolean;

  constructor(named: Named);
  constructor(...children: Module[]);
  constructor(...children: (Module | Named)[]) {
    const named = namesOf(children);
    const steps = [...named.values()];
    const isScript = steps.every((child) => child.isScripted);
    const parts = Object.fromEntries(named);
    super(scriptModule('Sequential', { children: parts, source: isScript ? source([...named.keys()]) : '' }), parts);
    this.#steps = steps;
    this.#isScript = isScript;
    // Not among the properties that make children: the native module has them.
    steps.forEach((value, i) => Object.defineProperty(this, i, { value }));
  }

  /** The number of children. */
  get length(): number {
    return this.#steps.length;
  }

  /** The child at an index, counted from the end where negative. */
  at(index: number): Module | undefined {
    return this.#steps.at(index);
  }

  [Symbol.iterator](): IterableIterator<Module> {
    return this.#steps[Symbol.iterator]();
  }

  /** @throws ERR_BUSY, ERR_TORCH, and what the children throw */
  override forward(input: Tensor): Tensor {
    if (this.#isScript) return this.runNative(input) as Tensor;
    return this.#steps.reduce((x: unknown, child) => child.forward(x) as unknown, input) as Tensor;
  }
}
runsTorchScript(Sequential.prototype.forward);

function namesOf(children: (Module | Named)[]): Map<string, Module> {
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
    if (child.takesTaskLabels || typeof name !== 'string' || name === '' || name.includes('.')) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        child.takesTaskLabels
          ? `nn.Sequential: expected children that take one input, got one that takes task labels as well ${where}`
          : `nn.Sequential: expected names without a dot, got ${describeValue(name)}`,
      );
    }
  }
  return named as Map<string, Module>;
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);

const source = (names: string[]) =>
  'def forward(self, input: Tensor) -> Tensor:\n' +
  names.map((name) => `  input = getattr(self, ${JSON.stringify(name)}).forward(input)\n`).join('') +
  '  return input\n';
