/** What the two questions about the penalty share. */
import type { Side } from './question';

/** The parameters of ResNet-18, in its order. */
export const sizes = [9408, 64, 64, ...[64, 128, 256, 512].flatMap(stage), 512_000, 1000];
export const calls = 30;

/** Two blocks of two convolutions; the first also changes the number of channels, except in the first stage. */
function stage(width: number): number[] {
  const norm = [width, width];
  const conv = (inputs: number) => [9 * inputs * width, ...norm];
  const inputs = width === 64 ? width : width / 2;
  const shortcut = inputs === width ? [] : [inputs * width, ...norm];
  return [...conv(inputs), ...conv(width), ...shortcut, ...conv(width), ...conv(width)];
}

/** Thirty such networks: 351 million. */
export const manySizes = Array.from({ length: 30 }, () => sizes).flat();

export const penaltyOfOurs = (parameters: readonly number[] = sizes): Side => ({
  program: { runs: 'node', file: 'penalty', args: [calls, JSON.stringify(parameters)] },
  value: 'milliseconds',
});

/** A loop that reads three arrays and writes one. */
export const sameBytes = (parameters: readonly number[] = sizes): Side & { name: string } => ({
  name: 'memory',
  program: { runs: 'native', file: 'memory_bandwidth', args: [calls, parameters.reduce((sum, size) => sum + size, 0)] },
  value: 'milliseconds',
});
