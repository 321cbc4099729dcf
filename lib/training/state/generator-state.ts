import { z } from 'zod';
import { native } from '../../native/binding';
import type { NativeGenerator } from '../../native/types';
import { checkState, type State } from '../../state';
import { type Generator, generatorOfDevice } from '../../tensor/generator';
import { Tensor } from '../../tensor/tensor';

const state = z.instanceof(Tensor, { error: 'a Tensor' }).nullable();
const schema = z.object({ default: state, own: state, device: state });

interface Draws {
  readonly generator: Generator | null;
  readonly device: string;
}

/** What a strategy draws from: the default generator of the CPU, its own, and that of its device. */
function generatorsOf({ generator, device }: Draws): Record<keyof z.output<typeof schema>, NativeGenerator | null> {
  return {
    default: generatorOfDevice('cpu'),
    own: generator && generator.handle,
    device: device === 'cpu' ? null : generatorOfDevice(device),
  };
}

/** The states of the generators that a strategy draws from. */
export function generatorState(strategy: Draws): Record<string, State> {
  const entries = Object.entries(generatorsOf(strategy));
  return Object.fromEntries(entries.map(([name, handle]) => [name, handle && new Tensor(native.generatorGetState(handle))]));
}

/** Has them draw on from there; one that the other strategy had and this one lacks is left aside. @throws ERR_STATE_DICT, ERR_TORCH */
export function loadGeneratorState(strategy: Draws, states: unknown): void {
  const given = checkState('the generators', schema, states);
  for (const [name, handle] of Object.entries(generatorsOf(strategy))) {
    const then = given[name as keyof typeof given];
    if (handle && then) native.generatorSetState(handle, then.handle);
  }
}
