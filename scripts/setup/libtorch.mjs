// Which libtorch the addon is built for: the first place with one that can be built against, in the order of
// lib/libtorch/search-order.js.
import { ACCEPTED_TEXT, TESTED_VERSION } from '../../lib/libtorch/libtorch-folder.js';
import { thisMachine } from '../../lib/libtorch/machine.js';
import { libtorchPlaces } from '../../lib/libtorch/search-order.js';
import { askPython, pythonCommand } from '../../lib/libtorch/python-torch.js';

/** @typedef {import('../../lib/libtorch/search-order.js').Place} Place */

/** Faults name the folder, where the sentence around them does too. */
const faultsIn = ({ root, faults }) => faults.map((fault) => fault.replace(`${root} `, '')).join('; ');

function refusal(place) {
  return [
    `LIBTORCH names ${place.root}, which cannot be used: ${faultsIn(place)}.`,
    `Accepted are versions ${ACCEPTED_TEXT}. Ways out:`,
    '  - unset LIBTORCH: the set-up then finds a PyTorch, or fetches a copy for itself;',
    '  - let LIBTORCH name another folder: an unpacked libtorch (with lib/ and include/), an installed torch package,',
    '    or the site-packages folder around one;',
    `  - ${pythonCommand} -m pip install torch==${TESTED_VERSION}, and unset LIBTORCH.`,
  ].join('\n');
}

/** The machine as the set-up sees it: Python is asked anew, because what the last build has noted may have changed. */
function machineOf({ root, env }) {
  let answer;
  return { ...thisMachine({ root, env }), pythonTorch: () => (answer ??= askPython(env)) };
}

/**
 * @param {{root: string, env?: NodeJS.ProcessEnv, all?: boolean,
 *   machine?: import('../../lib/libtorch/machine.js').Machine}} options
 *   `all`: look at every place even where an earlier one was taken (for `npm run doctor`).
 * @returns {{chosen: Place | null, looked: Place[], refusal: string | null}}
 *   `refusal`: the message for the user where LIBTORCH names something unusable.
 */
export function findLibtorch({ root, env = process.env, all = false, machine = machineOf({ root, env }) }) {
  const looked = [];
  let decided = null;
  for (const look of libtorchPlaces(machine, { headers: true })) {
    const place = look();
    looked.push(place);
    if (place.final || place.faults.length === 0) decided ??= place;
    if (decided !== null && !all) break;
  }
  const isRefused = decided !== null && decided.faults.length > 0;
  return { chosen: isRefused ? null : decided, looked, refusal: isRefused ? refusal(decided) : null };
}

/** Lines about the places that hold a PyTorch which cannot be used. */
export function passedOver(looked) {
  return looked
    .filter(({ root, faults }) => root !== null && faults.length > 0)
    .map((place) => `passed over ${place.root} (${place.source}): ${faultsIn(place)}`);
}
