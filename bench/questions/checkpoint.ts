import type { Question } from '../question';

const program = { runs: 'node', file: 'checkpoint', args: [60] } as const;

export const checkpointQuestions: readonly Question[] = [
  {
    name: 'checkpoint',
    asks: 'how long training waits for a checkpoint of 234 MB',
    unit: 'ms',
    ours: { program, value: 'delayMilliseconds' },
    peer: null,
    ratio: null,
    toReach: { atMost: 150 },
  },
  {
    name: 'checkpoint-event-loop',
    asks: 'delay of the event loop while such checkpoints are taken and written, 99th percentile',
    unit: 'ms',
    ours: { program, value: 'loopP99Milliseconds' },
    peer: null,
    ratio: null,
    toReach: { atMost: 20 },
  },
];
