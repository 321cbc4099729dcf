/**
 * Naive rehearsal: positions in the samples of all tasks that each task is learned with, its own, and those that are remembered of
 * earlier ones, as often as makes them about as many. Of each task the memory holds as much.
 * @param memory how many samples are remembered in all
 * @param order the numbers below this one, at random
 */
export function rehearsed(own: readonly (readonly number[])[], memory: number, order: (count: number) => number[]): number[][] {
  let kept: number[][] = [];
  return own.map((positions, task) => {
    const repeats = Math.max(Math.floor(positions.length / memory), 1);
    const learned = [...positions, ...Array.from({ length: repeats }, () => kept.flat()).flat()];
    const share = Math.min(Math.floor(memory / (task + 1)), positions.length);
    const chosen = order(positions.length).slice(0, share).map((i) => positions[i]!);
    kept = [...kept.map((earlier) => earlier.slice(0, share)), chosen];
    return learned;
  });
}
