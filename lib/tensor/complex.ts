/** A complex number: a Scalar argument of an operator, and an element of a complex tensor. */
export class Complex {
  constructor(
    /** The real part. */
    readonly re: number,
    /** The imaginary part. */
    readonly im: number,
  ) {}

  /** As Python writes it: `(1+2j)`. */
  toString(): string {
    return `(${this.re}${this.im < 0 || Object.is(this.im, -0) ? '' : '+'}${this.im}j)`;
  }
}
