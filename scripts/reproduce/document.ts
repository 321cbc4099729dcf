/** docs/results.md. */
import type { Result } from './results';
import { markdown } from './table';
import { runsOf, tableOf, type Target, targets } from './targets';

const unique = (values: readonly string[]) => [...new Set(values)].sort().join(', ');

/** With all seeds that there are; nothing where there is none. */
function section(target: Target, results: readonly Result[], heading: string, text: string): string {
  const whole = results.filter((result) => result.target === target.name && result.samples === null);
  if (whole.length === 0) return '';
  const seeds = Math.max(...whole.map(({ seed }) => seed)) + 1;
  const keys = [...new Set(target.rows.map(({ key }) => key))].filter((key) => whole.some(({ row }) => row === key));
  const runs = runsOf(target, keys, target.columns, seeds, null);
  const facts = `Seeds 0 to ${seeds - 1}; ${unique(whole.map(({ date }) => date))}; continual-torch ${unique(whole.map(({ version }) => version))}, libtorch ${unique(whole.map(({ torch }) => torch))}; ${unique(whole.map(({ processor }) => processor))}, one thread a run.`;
  return `## ${heading}\n\n${text}\n\n${markdown(tableOf(target, runs, whole))}\n\n${facts}\n`;
}

/** Of what there is. */
export function documentOf(results: readonly Result[]): string {
  const sections = [
    section(
      targets.split,
      results,
      'Split MNIST',
      `Table 2 of Hsu et al., "Re-evaluating Continual Learning Scenarios" (arXiv 1810.12488): five tasks of two digits, an MLP
1024-400-400, four epochs a task. Mean accuracy over the five tasks after the last, in percent, with its standard deviation over seeds:
here (seeds 0, 1, ...) / published (10 repeats). "same": the means differ by no more than two published standard deviations, or 0.5 points
where that is more. In the column "task" the task of an image is told, in "domain" it is not and every task has the labels 0 and 1, in
"class" all ten digits are told apart.`,
    ),
    section(
      targets.authors,
      results,
      'The run of the authors of MAS',
      `Split MNIST as in the code of the authors (an MLP 784-256-256 with a new head for each task; the epoch kept that is best on the task's own
test images), "accumulated": the importances of tasks are added up; "sequence": they are measured anew on all earlier data. Theirs is one run.`,
    ),
    section(
      targets.permuted,
      results,
      'Permuted MNIST',
      `Ten permutations, an MLP 1024-1000-1000, ten epochs a task, with the settings of the same authors (number of seeds in brackets).`,
    ),
  ].filter((text) => text !== '');
  const begin = `# Published results, trained again

\`npm run reproduce\` trains what is here, in a clone; \`npm run reproduce -- --help\` has its options, and
\`npm run reproduce -- --write\` writes this page. The programs are in \`scripts/reproduce/\`: ordinary ones, of what the package
exports.`;
  return [begin, ...sections].map((part) => part.trimEnd()).join('\n\n') + '\n';
}
