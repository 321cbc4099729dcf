import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memory } from '../../lib/index';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** `memory()` once nothing is left of what nobody holds, so that no collection changes what is compared with it. */
export function settledMemory(): ReturnType<typeof memory> {
  collect();
  return memory();
}
