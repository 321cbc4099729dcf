import type { Recording } from '../../support/recorded-operators';
import { FuzzRandom } from '../random';
import type { Call } from './call';
import { methodCall } from './methods';
import { operatorCall } from './operators';

/** Of ten calls seven are of operators. */
export function makeCall(seed: number, index: number, recording: Recording): Call {
  const random = new FuzzRandom(seed, index);
  return random.below(10) < 7 ? operatorCall(random, recording) : methodCall(random);
}
