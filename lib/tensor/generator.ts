import { AsyncLocalStorage } from 'node:async_hooks';
import { z } from 'zod';
import { native } from '../native/binding';
import type { NativeGenerator } from '../native/types';
import { deviceName, generatorSeed, instanceOf, parseArgument, parseOptions } from '../options';
import { getDefaultDevice } from './default-device';
import { Tensor } from './tensor';

const notCloned = Symbol('a Generator: send the elements of its getState(), and setState() of another one there');

const generatorOptions = z.object({ device: deviceName.optional() });

/**
 * Draws random numbers apart from the default generator (`torch.Generator`). Operators take it as `{ generator }`:
 *
 *     const generator = new Generator().manualSeed(0);
 *     torch.randn([2, 3], { generator });
 */
export class Generator {
  /** @internal See `Tensor`. */
  readonly cannotBeCloned = notCloned;
  /** @internal */
  readonly handle: NativeGenerator;

  /**
   * @param options device: `"cpu"`, `"cuda"` or `"cuda:N"`; default: the default device
   * @throws ERR_DEVICE; ERR_UNKNOWN_OPTION
   */
  constructor(options?: { device?: string }) {
    this.handle = native.createGenerator(parseOptions('Generator', generatorOptions, options).device ?? getDefaultDevice());
  }

  /** `"cpu"`, `"cuda:0"`, ... */
  get device(): string {
    return native.generatorDevice(this.handle);
  }

  /** Sets the seed: the numbers that follow depend on nothing else. @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE */
  manualSeed(seed: number | bigint): this {
    const value = BigInt(parseArgument('manualSeed', 'seed', generatorSeed, seed));
    native.generatorSetSeed(this.handle, BigInt.asUintN(64, value));
    return this;
  }

  /** Sets a seed that nobody can foresee, and returns it. */
  seed(): bigint {
    return native.generatorSeed(this.handle);
  }

  /** The seed that was set last. */
  initialSeed(): bigint {
    return native.generatorInitialSeed(this.handle);
  }

  /** A copy of the state, uint8. */
  getState(): Tensor {
    return new Tensor(native.generatorGetState(this.handle));
  }

  /** Goes on from a state of `getState`. @throws ERR_TORCH for a tensor that is none */
  setState(state: Tensor): void {
    const { handle } = parseArgument('setState', 'state', instanceOf(Tensor, 'a Tensor'), state);
    native.generatorSetState(this.handle, handle);
  }
}

/** The option `generator` of what draws on the CPU. */
export const cpuGenerator = z
  .custom<Generator>((value) => value instanceof Generator && value.device === 'cpu', 'a Generator on the CPU or null')
  .nullable()
  .default(null);

const chosen = new AsyncLocalStorage<Generator>();
let isChoosing = false;
let own: Generator | undefined;

/**
 * @internal Calls `body`: in it, and in all that it awaits, on the compute thread too, what is given no generator draws from
 * this one.
 */
export function drawingFrom<T>(generator: Generator | null, body: () => T): T {
  if (!generator) return body();
  if (!isChoosing) native.setGeneratorLookup(() => chosen.getStore()?.handle);
  isChoosing = true;
  return chosen.run(generator, body);
}

/** What operators on the CPU draw from that are given no generator. */
export function defaultGenerator(): Generator {
  return chosen.getStore() ?? (own ??= fromHandle(native.defaultGenerator('cpu')));
}

/** @internal What is drawn on the CPU and on a device where no generator is given: taken back, it is drawn again. */
export class DrawsOf {
  private states: { generator: Generator; state: Tensor }[] = [];

  constructor(private readonly device: string) {}

  /** From here on. */
  keep(): void {
    this.forget();
    const generators = [defaultGenerator()];
    if (this.device.startsWith('cuda')) generators.push(fromHandle(native.defaultGenerator(this.device)));
    this.states = generators.map((generator) => ({ generator, state: generator.getState() }));
  }

  /** What has been drawn since `keep` comes again. */
  takeBack(): void {
    for (const { generator, state } of this.states) generator.setState(state);
  }

  /** Lets what is kept go. */
  forget(): void {
    for (const { state } of this.states.splice(0)) state.dispose();
  }
}

/** @internal The default generator of a device, whatever the call under way draws from. */
export function generatorOfDevice(device: string): NativeGenerator {
  return chosen.exit(() => native.defaultGenerator(device));
}

function fromHandle(handle: NativeGenerator): Generator {
  return Object.assign(Object.create(Generator.prototype) as Generator, { cannotBeCloned: notCloned, handle });
}
