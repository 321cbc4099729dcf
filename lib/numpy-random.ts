import { randomInt } from 'node:crypto';

/**
 * NumPy's legacy generator, `numpy.random.RandomState(seed)`: MT19937 (Matsumoto and Nishimura 1998) and the draws that
 * NumPy takes from it.
 */
export class NumpyRandomState {
  private readonly state = new Uint32Array(624);
  private next = 624;

  /** @param seed an integer in [0, 2^32); null: random */
  constructor(seed: number | null) {
    const { state } = this;
    state[0] = seed ?? randomInt(2 ** 32);
    for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
  }

  /** An integer in [low, high). */
  randint(low: number, high: number): number {
    return low + this.interval(high - low - 1);
  }

  /** The integers 0 to n - 1 in random order. */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.interval(i);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }

  /** An integer in [0, max]: draws of as many bits as `max` has, until one is small enough. */
  private interval(max: number): number {
    if (max === 0) return 0;
    const mask = 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (this.uint32() & mask) >>> 0;
      if (value <= max) return value;
    }
  }

  private uint32(): number {
    if (this.next === 624) this.twist();
    let y = this.state[this.next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < 624; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % 624]! & 0x7fffffff);
      state[i] = state[(i + 397) % 624]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}
