/**
 * What one small operator costs: add of two 4-element tensors from JavaScript, against a plain boxed call of it in C++.
 * To reach: at most 3 times as much.
 *
 *     npx tsx bench/operator-call.ts [--json]
 */
import { ops, tensor } from '../lib/index';
import { compare, nanosecondsPerCall, nativeProgram, print, printedNumber } from './trials';

const calls = 200_000;
const program = nativeProgram('boxed_call');
const a = tensor([1, 2, 3, 4]);
const b = tensor([5, 6, 7, 8]);
const add = ops.aten.add!;

const result = compare(
  'ns',
  () => nanosecondsPerCall(() => add(a, b), calls),
  () => printedNumber(program, [String(calls)]),
);
print('operator-call', 'boxed call in C++', 3, result);
