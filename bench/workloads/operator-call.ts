// One small operator: add of two 4-element tensors.
import { tensor, torch } from 'continual-torch';
import { nanosecondsPerCall, printResult } from './workload';

const a = tensor([1, 2, 3, 4]);
const b = tensor([5, 6, 7, 8]);
printResult({ nanoseconds: nanosecondsPerCall(() => torch.add(a, b), Number(process.argv[2])) });
