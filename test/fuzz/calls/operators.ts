import { tidy, Tensor, torch } from '../../../lib/index';
import { native } from '../../../lib/native/binding';
import type { OperatorSchema } from '../../../lib/native/types';
import { camelCase } from '../../../lib/tensor/camel-case';
import { torchFunctions } from '../../../lib/tensor/operators';
import { functionNames, methodNames } from '../../../lib/tensor/operators.generated';
import type { RecordedCase, Recording } from '../../support/recorded-operators';
import type { FuzzRandom } from '../random';
import type { Call } from './call';
import { excluded } from './excluded';
import { anyArgument, anything, anyTensor } from './values';

const methods = new Set(methodNames);
const names = functionNames.filter((name) => !(name in excluded));

const overloads = new Map<string, OperatorSchema[]>();
for (const schema of native.operatorSchemas()) {
  const name = schema.name.replace(/^aten::/, '');
  if (!/(^|_)out$/.test(schema.overload)) overloads.set(name, [...(overloads.get(name) ?? []), schema]);
}

/** A call of an operator as a function or as a method, with arguments by its schema or near to recorded ones. */
export function operatorCall(random: FuzzRandom, recording: Recording): Call {
  const name = random.pick(names);
  const recorded = recording.recorded.operators[name]?.cases;
  const args = recorded && recorded.length > 0 && random.below(2) === 0 ? nearRecorded(random, recording, random.pick(recorded)) : bySchema(random, name);
  const jsName = camelCase(name);
  const [first, ...others] = args;
  const asMethod = first instanceof Tensor && methods.has(name) && random.below(2) === 0;
  const called = asMethod
    ? (first as unknown as Record<string, (...rest: unknown[]) => unknown>)[jsName]
    : (torchFunctions as unknown as Record<string, (...all: unknown[]) => unknown>)[jsName];
  const goesBack = random.below(3) === 0;
  return {
    name: asMethod ? `Tensor.prototype.${jsName}` : `torch.${jsName}`,
    args,
    run: () => tidy(() => use(asMethod ? Reflect.apply(called!, first, others) : called!(...args), goesBack)),
  };
}

function bySchema(random: FuzzRandom, name: string): unknown[] {
  const { arguments: all } = random.pick(overloads.get(name)!);
  const positional = all.filter(({ isKeyword, hasDefault }) => !isKeyword && (!hasDefault || random.below(3) === 0));
  const args: unknown[] = positional.map((argument) => anyArgument(argument, random));
  const keywords = all.filter(({ isKeyword, hasDefault }) => isKeyword && (!hasDefault || random.below(4) === 0));
  if (keywords.length > 0) {
    args.push(Object.fromEntries(keywords.map((argument) => [camelCase(argument.name), anyArgument(argument, random)])));
  }
  return args;
}

/** What PyTorch takes, with one or two arguments changed. */
function nearRecorded(random: FuzzRandom, recording: Recording, [required, optional, keywords]: RecordedCase): unknown[] {
  const args = required.map((packed) => recording.argument(packed) as unknown);
  const named = [...optional, ...keywords].map(([name, packed]) => [camelCase(name), recording.argument(packed) as unknown]);
  const options = Object.fromEntries(named) as Record<string, unknown>;
  for (let left = 1 + random.below(2); left > 0; left--) {
    const keys = Object.keys(options);
    const at = random.below(args.length + keys.length);
    if (at < args.length) args[at] = changed(random, args[at]);
    else if (keys.length > 0) options[keys[at - args.length]!] = changed(random, options[keys[at - args.length]!]);
  }
  return Object.keys(options).length > 0 ? [...args, options] : args;
}

/** Another value of the same kind, as a rule. */
function changed(random: FuzzRandom, value: unknown): unknown {
  if (random.below(12) === 0) return anything(random);
  if (value instanceof Tensor) {
    const like = [{ dtype: value.dtype }, { shape: value.shape }, { dtype: value.dtype, shape: value.shape }, {}];
    return anyTensor(random, random.pick(like));
  }
  if (Array.isArray(value)) {
    if (random.below(4) === 0) return value.slice(0, random.below(value.length + 1));
    return value.map((item: unknown) => (random.below(2) === 0 ? changed(random, item) : item));
  }
  const type = { number: Number.isInteger(value) ? 'int' : 'float', bigint: 'int', boolean: 'bool', string: 'str' }[typeof value as string];
  return type === undefined ? anything(random) : anyArgument({ name: '', type, length: null, hasDefault: false, isKeyword: false }, random);
}

const mostElements = 2 ** 16;

/** Reads what came, and sometimes goes back from it. */
function use(result: unknown, goesBack: boolean): void {
  for (const item of Array.isArray(result) ? (result as unknown[]) : [result]) {
    if (!(item instanceof Tensor) || item.isDisposed) continue;
    const { shape, dtype } = item;
    if (shape.reduce((product, size) => product * size, 1) > mostElements || item.device !== 'cpu') continue;
    if (goesBack && item.requiresGrad && dtype.startsWith('float')) torch.sum(item.layout === 'strided' ? item : item.toDense()).backward();
    item.toTypedArray();
    String(item);
  }
}
