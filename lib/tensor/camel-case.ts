/** PyTorch's snake_case in camelCase; underscores at the ends stay: `masked_fill_` is `maskedFill_`, `atleast_1d` `atleast1d`. */
export function camelCase(name: string): string {
  return name.replace(/(?<=.)_+(.)/g, (_, next: string) => next.toUpperCase());
}
