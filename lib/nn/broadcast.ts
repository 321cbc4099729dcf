import { native } from '../native/binding';
import { Tensor } from '../tensor/tensor';

/** Losses, and how shapes differed, that have been warned of. */
const warned = new Set<string>();

/** @internal For tests: the next time is the first again. */
export const forgetWarnings = (): void => warned.clear();

/**
 * @internal Warns, once for each way in which shapes differ, where a loss is to compare tensors of different shapes: what was meant is
 * most often a target for each output, and what happens is that every output meets every target.
 */
export function warnWhereBroadcast(loss: string, output: Tensor, target: Tensor): void {
  if (!(output instanceof Tensor && target instanceof Tensor)) return; // what it is instead, the loss says
  if (native.tensorsHaveSameShape(output.handle, target.handle)) return;
  const [given, wanted] = [output.shape, target.shape];
  const together = broadcastShape(given, wanted);
  const key = `${loss} ${pattern(given, wanted)}`;
  if (together === null || warned.has(key)) return;
  warned.add(key);
  process.emitWarning(
    `${loss}: output ${shown(given)} and target ${shown(wanted)} broadcast to ${shown(together)}, which compares values that may ` +
      `not belong together; ${wayOut(given, wanted)}`,
    'ContinualTorchWarning',
  );
}

/** The same for mini-batches of other sizes: which dimensions there are, and which of them are stretched. */
function pattern(a: readonly number[], b: readonly number[]): string {
  const ranks = Math.max(a.length, b.length);
  const dims = Array.from({ length: ranks }, (_, i) => {
    const [x, y] = [a.at(i - ranks), b.at(i - ranks)];
    return x === undefined ? '-' : y === undefined ? '+' : x === y ? '=' : x < y ? '<' : '>';
  });
  return dims.join('');
}

const shown = (shape: readonly number[]) => `[${shape.join(', ')}]`;
const isSame = (a: readonly number[], b: readonly number[]) => a.length === b.length && a.every((size, i) => size === b[i]);

/** The shape that both are expanded to; null where they do not fit. */
function broadcastShape(a: readonly number[], b: readonly number[]): number[] | null {
  const sizes = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => {
    const [x, y] = [a.at(-1 - i) ?? 1, b.at(-1 - i) ?? 1];
    return x === 1 ? y : y === 1 || x === y ? x : null;
  }).reverse();
  return sizes.every((size) => size !== null) ? sizes : null;
}

function wayOut(output: readonly number[], target: readonly number[]): string {
  const lacking = extraDimension(output, target);
  if (lacking >= 0) return `reshape the target: target.unsqueeze(${lacking}), or the output: output.squeeze(${lacking})`;
  const extra = extraDimension(target, output);
  if (extra >= 0) return `reshape the target: target.squeeze(${extra}), or the output: output.unsqueeze(${extra})`;
  return 'give both the same shape';
}

/** The dimension of size 1 without which `larger` is `smaller`: the last one; -1: none. */
function extraDimension(larger: readonly number[], smaller: readonly number[]): number {
  if (larger.length !== smaller.length + 1) return -1;
  return larger.findLastIndex((size, i) => size === 1 && isSame(larger.toSpliced(i, 1), smaller));
}
