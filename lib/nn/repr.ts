/** How Python prints: modules are shown as `repr` shows them there. */

/** An integer, a boolean, null, a string, or a tuple of these. */
export type Printed = number | boolean | string | null | readonly Printed[];

/** A value as Python prints it; numbers as integers. */
export function python(value: Printed): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'number') return String(value);
  return value.length === 1 ? `(${python(value[0]!)},)` : `(${value.map(python).join(', ')})`;
}

/** A number as Python prints a float, which TorchScript reads as the same one: `1.0`, `1e-05`. */
export function float(value: number): string {
  const text = Math.abs(value) < 1e-4 && value !== 0 ? value.toExponential() : String(value);
  if (/^-?\d+$/.test(text)) return `${text}.0`;
  return text.replace(/e([+-])(\d)$/, 'e$10$2');
}

/** `name=value, ...`; a value alone where the name is empty; what is undefined is left out. */
export function keywords(values: Record<string, string | undefined>): string {
  return Object.entries(values)
    .flatMap(([name, value]) => (value === undefined ? [] : [name === '' ? value : `${name}=${value}`]))
    .join(', ');
}

/** A module with its children, indented below it. */
export function describeModule(name: string, extra: string, children: [name: string, description: string][]): string {
  if (children.length === 0) return `${name}(${extra})`;
  const lines = [...(extra === '' ? [] : extra.split('\n')), ...children.map(([key, text]) => `(${key}): ${text}`)];
  return `${name}(\n${lines.map((line) => `  ${line.replaceAll('\n', '\n  ')}\n`).join('')})`;
}
