import { z } from 'zod';
import { pluginName } from '../../hooks/plugin';
import { anyState, arrayOf, isStateful, misfit, object, type State, type Stateful, stateOf } from '../../state';

const part = object({ name: z.string('a name'), state: anyState.optional() });
type PartState = z.output<typeof part>;

/** The schema of `statesOf`. */
export const partStates = arrayOf(part);

/** The states of an evaluator's metrics or loggers, by place and class; of one without a state its class alone. */
export function statesOf(parts: readonly object[]): PartState[] {
  return parts.map((each) => ({ name: pluginName(each), ...(isStateful(each) && { state: stateOf(each) }) }));
}

/** The parts that have a state, each with its own. @throws ERR_STATE_DICT where they are others */
export function partsOf(what: 'metrics' | 'loggers', parts: readonly object[], states: readonly PartState[]): [Stateful, State][] {
  const shape = (each: PartState) => each.name + (each.state === undefined ? ' without a state' : '');
  const ours = parts.map((each) => shape({ name: pluginName(each), ...(isStateful(each) && { state: null }) }));
  const theirs = states.map(shape);
  if (list(ours) === list(theirs)) return parts.flatMap((each, i): [Stateful, State][] => (isStateful(each) ? [[each, states[i]!.state!]] : []));
  throw misfit('EvaluationPlugin', `expected ${what} ${list(ours)}, got ${list(theirs)}`);
}

const list = (names: readonly string[]) => `[${names.join(', ')}]`;
