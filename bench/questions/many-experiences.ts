import type { Question } from '../question';

function question(name: string, method: 'mas' | 'ewc', called: string, last: number): Question {
  const program = { runs: 'node', file: 'many-experiences', args: [method, last] } as const;
  return {
    name,
    asks: `an iteration with ${called} at experience ${last}; against experience 2 in the same process (MLP 784-512-10)`,
    unit: 'us',
    ours: { program, value: 'atTheLast' },
    peer: { name: 'experience 2', program, value: 'atExperience2' },
    ratio: 'peer / ours',
    toReach: { atLeast: 0.98 },
  };
}

export const manyExperiences = question('many-experiences', 'mas', 'MAS', 50);
/** Behind twenty experiences, whose penalties are all charged. */
export const ewcExperiences = question('ewc-experiences', 'ewc', 'EWC, separate,', 21);
