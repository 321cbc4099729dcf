// Every function and method of the addon with every object there is, as its receiver and as each of its arguments: each is
// done or refused, and the process goes on. Prints what it is about to walk, so that the last line names what ended it.
import assert from 'node:assert/strict';
import { chdir } from 'node:process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { ContinualTorchError, tensor } from '../../../lib/index';
import { native } from '../../../lib/native/binding';
import { functions, methods, objects } from './native-calls';

type Callable = (...args: unknown[]) => unknown;

const { module } = objects;
const constructor = (module as unknown as { constructor: new (...args: unknown[]) => object }).constructor;
const detached = new Float32Array(4);
structuredClone(detached.buffer, { transfer: [detached.buffer] });
const circle: unknown[] = [];
circle.push(circle);
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const throwing = new Proxy({}, { get: () => assert.fail('from a getter'), ownKeys: () => assert.fail('from a proxy') });

/** What JavaScript can get hold of, or make to look like something else. */
const foreign: unknown[] = [
  ...Object.values(objects),
  // An External of Node's own: what it points to is none of ours.
  (createSecureContext().context as unknown as { _external: unknown })._external,
  ...Object.values(objects).filter((object) => object !== objects.tensor && object !== objects.disposed).flatMap((object) => [Object.create(object) as object, new Proxy(object, {}), Object.setPrototypeOf({}, Object.getPrototypeOf(object) as object) as object]),
  Object.setPrototypeOf(native.createQuadraticPenalty(1, { method: '', plugin: '', weight: '', noImportanceCode: 'ERR_TORCH', shapeCode: 'ERR_SHAPE' }), Object.getPrototypeOf(module) as object),
  Object.setPrototypeOf(native.createGenerator('cpu'), Object.getPrototypeOf(objects.optimizer) as object),
  Object.create(tensor([1])), tensor([1]), constructor, class extends constructor {}, native, native.createQuadraticPenalty, () => 1,
  throwing, revoked.proxy, circle, [objects.tensor], [objects.module], [['a', objects.tensor]], [{}], [[]], [null], [1, 2], ['x'],
  detached, new Float32Array(new SharedArrayBuffer(8)), new Float64Array(3), new Uint8Array(64), new BigInt64Array(1), new Uint8ClampedArray(2),
  new DataView(new ArrayBuffer(8)), new ArrayBuffer(8), new Map(), new Date(NaN), /x/, Symbol('x'), {}, { pairs: [] }, { pairs: [1] }, { pairs: [[1]] },
  null, undefined, true, 0, -1, 1.5, NaN, Infinity, 2 ** 31, 2 ** 53, -(2 ** 63), 5n, 2n ** 70n, '', 'x', 'cpu', 'cuda', 'aten::zeros', '\0',
]; // prettier-ignore

const handleOfHalf = () => tensor([0.5]).handle;
/** Among no arguments: it stays what it is. */
const untouched = tensor([1, 2, 3, 4]);

let calls = 0;

async function attempt(call: () => unknown): Promise<void> {
  calls++;
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof Error || error === undefined, String(error));
  }
}

/** The method on every receiver, and with every value in each place. */
async function walk(name: string, called: Callable, receiver: () => unknown, args: () => readonly unknown[]): Promise<void> {
  console.log(name);
  await attempt(() => Reflect.apply(called, receiver(), args()));
  for (const value of foreign) {
    await attempt(() => Reflect.apply(called, value, args()));
    for (let i = 0; i < args().length; i++) await attempt(() => Reflect.apply(called, receiver(), args().with(i, value)));
  }
  await attempt(() => Reflect.apply(called, receiver(), []));
  await attempt(() => Reflect.construct(called, args()));
}

/** Nobody but the addon makes its objects. */
async function walkConstructor(name: string, made: object): Promise<void> {
  console.log(`new ${name}`);
  const Class = (made as { constructor: new (...args: unknown[]) => object }).constructor;
  class Derived extends Class {}
  for (const value of foreign) {
    assert.throws(() => new Class(value), /cannot be constructed/);
    assert.throws(() => new Derived(value), /cannot be constructed/);
    assert.throws(() => Reflect.construct(Class, [value], Map), /cannot be constructed/);
    await attempt(() => (Class as unknown as Callable).call(value, value));
    await attempt(() => Reflect.construct(Class, [value], value as never));
  }
}

async function main(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'continual-torch-foreign-'));
  chdir(folder);
  const entries = Object.keys(native).filter((name) => !name.startsWith('standin')); // what the addon of a checkout has besides
  assert.deepEqual(entries.sort(), [...Object.keys(functions), 'setErrorClass', 'stop', 'torchVersion', 'vectorWidth'].sort());
  for (const [name, args] of Object.entries(functions)) await walk(name, native[name as keyof typeof functions] as Callable, () => native, args);
  const add = native.operatorFunction('aten::add') as Callable;
  await walk('aten::add', add, () => undefined, () => [objects.tensor, objects.tensor, { alpha: 2 }]);
  const bernoulli = native.operatorFunction('aten::bernoulli') as Callable;
  await walk('aten::bernoulli', bernoulli, () => undefined, () => [handleOfHalf(), { generator: objects.generator }]);
  for (const generator of foreign) await attempt(() => bernoulli(handleOfHalf(), { generator }));
  const classes = new Set<string>();
  for (const [name, { on, calls: known }] of Object.entries(methods)) {
    const prototype = Object.getPrototypeOf(on()) as Record<string, Callable>;
    const names = Object.getOwnPropertyNames(prototype).filter((member) => member !== 'constructor');
    // Of two kinds of modules the first knows all methods.
    if (!classes.has(prototype['constructor']!.name)) assert.deepEqual(names.sort(), Object.keys(known).sort());
    classes.add(prototype['constructor']!.name);
    for (const [member, args] of Object.entries(known)) await walk(`${name}.${member}`, prototype[member]!, on, args);
    await walkConstructor(name, on());
  }
  assert.deepEqual(untouched.toArray(), [1, 2, 3, 4]);
  console.log('setErrorClass');
  for (const value of foreign) {
    await attempt(() => (native.setErrorClass as Callable)(value));
    await attempt(() => native.tensorShape({} as never));
    native.setErrorClass(ContinualTorchError);
  }
  chdir('/');
  rmSync(folder, { recursive: true, force: true });
  console.log(`${calls > 10_000 ? 'more than 10,000' : calls} calls`);
}

process.on('unhandledRejection', () => undefined);
main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
