type Uncapitalized<Name extends string> = Name extends `${infer First}${infer Rest}` ? `${Lowercase<First>}${Rest}` : Name;

/** The functions whose names begin with `Prefix`, under the rest of their names: `linalgNorm` as `norm`. */
export type Namespace<Functions, Prefix extends string> = {
  [Name in keyof Functions as Name extends `${Prefix}${infer Rest}` ? Uncapitalized<Rest> : never]: Functions[Name];
};

/** @internal `torch.linalg` and its like. */
export function namespaceOf<Functions extends object, Prefix extends string>(
  functions: Functions,
  prefix: Prefix,
): Namespace<Functions, Prefix> {
  const members = Object.entries(functions)
    .filter(([name]) => name.startsWith(prefix) && /[A-Z]/.test(name.charAt(prefix.length)))
    .map(([name, member]: [string, unknown]) => {
      const rest = name.slice(prefix.length);
      return [rest.charAt(0).toLowerCase() + rest.slice(1), member];
    });
  return Object.fromEntries(members) as Namespace<Functions, Prefix>;
}
