/**
 * Writes `lib/tensor/operators.generated.ts`, the declarations of every ATen operator, from the schemas of the loaded
 * libtorch:
 *
 *     npm run generate
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { camelCase } from '../lib/tensor/camel-case';
import { native } from '../lib/native/binding';
import type { OperatorArgumentSchema, OperatorSchema } from '../lib/native/types';

export const generatedFile = path.resolve(__dirname, '..', 'lib', 'tensor', 'operators.generated.ts');

/** What `Tensor` declares itself, because PyTorch has a property there or takes more than the operator does. */
const declaredByTensor = new Set(
  ('backward data detach_ H imag index index_put_ is_leaf item mH mT matrix_H numpy_T real requires_grad_ retains_grad ' +
    'set_data size stride to').split(' '),
);
/** What `torch` declares itself. */
const declaredByTorch = new Set(['index', 'index_put', 'index_put_', 'to']);

/** TypeScript's name for a type of a schema; null where JavaScript has nothing to give. */
function argumentType(type: string, length: number | null): string | null {
  if (type.endsWith('?')) {
    const inner = argumentType(type.slice(0, -1), length);
    return inner && `${inner} | null`;
  }
  if (type.endsWith('[]')) {
    const item = argumentType(type.slice(0, -2), null);
    if (!item) return null;
    const list = `readonly ${/\W/.test(item) ? `(${item})` : item}[]`;
    return length === null ? list : `${item} | ${list}`;
  }
  const simple: Record<string, string> = {
    Tensor: 'Tensor',
    Scalar: 'Scalar',
    int: 'Integer',
    SymInt: 'Integer',
    float: 'number',
    bool: 'boolean',
    str: 'string',
    ScalarType: 'DType',
    Device: 'string',
    Layout: 'Layout',
    MemoryFormat: 'MemoryFormat',
    Generator: 'Generator',
  };
  return simple[type] ?? null;
}

function returnType(type: string): string {
  if (type.endsWith('[]')) return `${returnType(type.slice(0, -2))}[]`;
  const simple: Record<string, string> = {
    Tensor: 'Tensor',
    int: 'number',
    float: 'number',
    bool: 'boolean',
    SymBool: 'boolean',
    Scalar: 'Scalar',
    QScheme: 'number',
  };
  return simple[type] ?? 'unknown';
}

function returnsOf({ returns }: OperatorSchema): string {
  if (returns.length === 0) return 'void';
  const types = returns.map(returnType);
  return types.length === 1 ? types[0]! : `[${types.join(', ')}]`;
}

const reserved = new Set(['default', 'delete', 'export', 'function', 'import', 'in', 'new', 'var', 'with']);
const parameterName = (name: string) => (reserved.has(name) ? `${name}_` : camelCase(name));

/**
 * The signatures of one overload: as many as it has optional arguments that may be given by position, and one more. The
 * first takes them all by name, the last all by position.
 */
function signatures(schema: OperatorSchema, skipped: number): string[] | null {
  const declare = (argument: OperatorArgumentSchema) => {
    const type = argumentType(argument.type, argument.length);
    if (type === null) return null;
    return { ...argument, parameter: parameterName(argument.name), key: camelCase(argument.name), declared: type };
  };
  const all = schema.arguments.slice(skipped).map(declare);
  // An optional argument that JavaScript cannot give is left to its default.
  if (schema.arguments.slice(skipped).some((argument, i) => !all[i] && !argument.hasDefault)) return null;
  const known = all.filter((argument) => argument !== null);
  const required = known.filter(({ hasDefault, isKeyword }) => !hasDefault && !isKeyword);
  const optional = known.filter(({ hasDefault, isKeyword }) => hasDefault && !isKeyword);
  const keywords = known.filter(({ isKeyword }) => isKeyword);
  const result = returnsOf(schema);
  return Array.from({ length: optional.length + 1 }, (_, i) => {
    const positional = [...required, ...optional.slice(0, i)].map(({ parameter, declared }) => `${parameter}: ${declared}`);
    const named = [...optional.slice(i), ...keywords];
    const mark = named.some(({ hasDefault }) => !hasDefault) ? '' : '?';
    const fields = named.map(({ key, declared, hasDefault }) => `${key}${hasDefault ? '?' : ''}: ${declared}`);
    if (isFactory(schema)) fields.push('requiresGrad?: boolean');
    const options = fields.length > 0 ? [`options${mark}: { ${fields.join('; ')} }`] : [];
    return `(${[...positional, ...options].join(', ')}): ${result}`;
  });
}

/** Takes `requiresGrad` too, which no schema has; conversions have a factory's arguments, but are none. */
const isFactory = ({ name, arguments: all }: OperatorSchema) =>
  name !== 'to' && name !== '_to_copy' && all.some((argument) => argument.name === 'pin_memory');

/** x.view(2, 3) for x.view([2, 3]), where the list is all that there is to give by position. */
function spread(schema: OperatorSchema): string[] {
  const positional = schema.arguments.filter(({ isKeyword }) => !isKeyword);
  const isFirst = positional[0]?.type === 'Tensor' ? 1 : 0;
  const list = positional[isFirst];
  if (positional.length !== isFirst + 1 || !/^(Sym)?[Ii]nt\[\]$/.test(list!.type) || list!.length !== null) return [];
  const self = isFirst ? 'self: Tensor, ' : '';
  return [`(${self}...${parameterName(list!.name)}: Integer[]): ${returnsOf(schema)}`];
}

const isMethod = ({ arguments: [first] }: OperatorSchema) => first?.name === 'self' && first.type === 'Tensor';

/** One member of an interface: its overloads, each signature behind its schema, which is what editors show of it. */
function member(overloads: OperatorSchema[], kind: 'method' | 'function'): string[] {
  const name = camelCase(overloads[0]!.name);
  return overloads.flatMap((schema) => {
    const lines = signatures(schema, kind === 'method' ? 1 : 0);
    if (!lines) return [];
    const spreads = spread(schema).map((line) => (kind === 'method' ? line.replace('self: Tensor, ', '') : line));
    return [...lines, ...spreads].flatMap((signature) => [`  /** \`${schema.schema}\` */`, `  ${name}${signature};`]);
  });
}

/** The text of the generated file. */
export function generateOperators(schemas: readonly OperatorSchema[], torchVersion: string): string {
  const byName = new Map<string, OperatorSchema[]>();
  for (const schema of schemas) {
    const name = schema.name.replace(/^aten::/, '');
    if (name.startsWith('_')) continue; // PyTorch's own: reached as torch.ops.aten.NAME
    byName.set(name, [...(byName.get(name) ?? []), { ...schema, name }]);
  }
  const functions = [...byName].filter(([name]) => !declaredByTorch.has(name));
  const methods = [...byName]
    .map(([name, overloads]) => [name, overloads.filter(isMethod)] as const)
    .filter(([name, overloads]) => overloads.length > 0 && !declaredByTensor.has(name) && !/^(linalg|fft|special)_/.test(name));
  return `/**
 * Written by scripts/generate-operators.ts from the schemas of libtorch ${torchVersion}; do not edit.
 * Operators whose name begins with an underscore, and out-variants, are reached as \`torch.ops.aten.NAME\`.
 */
import type { DType } from '../element-types';
import type { Generator } from './generator';
import type { Integer, Layout, MemoryFormat, Scalar } from './operator-types';
import type { Tensor } from './tensor';

/** Operators as functions of \`torch\`. */
export interface TorchFunctions {
${functions.flatMap(([, overloads]) => member(overloads, 'function')).join('\n')}
}

/** Operators as methods of the tensor that is their first argument. */
export interface TensorMethods {
${methods.flatMap(([, overloads]) => member([...overloads], 'method')).join('\n')}
}

/** Names of ATen behind \`TorchFunctions\`. */
export const functionNames = (
  '${wrapped(functions.map(([name]) => name))}'
).split(' ');

/** Names of ATen behind \`TensorMethods\`. */
export const methodNames = (
  '${wrapped(methods.map(([name]) => name))}'
).split(' ');
`;
}

/** A string literal over several lines. */
function wrapped(names: string[]): string {
  const lines: string[] = [''];
  for (const name of names) {
    if (lines.at(-1)!.length + name.length > 110) lines.push('');
    lines[lines.length - 1] += `${name} `;
  }
  return lines.join("' +\n  '").trimEnd();
}

if (require.main === module) {
  writeFileSync(generatedFile, generateOperators(native.operatorSchemas(), native.torchVersion.replace(/\+.*/, '')));
}
