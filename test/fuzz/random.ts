/** Random numbers that depend on a seed and a position alone, so that one mutation can be made again by itself. */
export class FuzzRandom {
  private state: number;

  constructor(seed: number, index: number) {
    this.state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
    for (let i = 0; i < 4; i++) this.uint32();
  }

  /** In [0, 2^32): Marsaglia's xorshift, with a sum so that it does not stay at 0. */
  uint32(): number {
    let x = (this.state + 0x9e3779b9) >>> 0;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    this.state = (this.state + 0x9e3779b9) >>> 0;
    return (x ^ (x >>> 15)) >>> 0;
  }

  /** In [0, limit). */
  below(limit: number): number {
    return limit <= 0 ? 0 : this.uint32() % limit;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}
