import assert from 'node:assert/strict';
import path from 'node:path';
import * as library from '../../lib/index';
import { root } from '../support/consumer';
import { documents, type Page, readPage } from '../support/markdown';
import { exportedNames } from './programs';

const namespaces = ['amp', 'autograd', 'benchmarks', 'cuda', 'evaluation', 'jit', 'logging', 'models', 'nn', 'optim', 'torch'] as const;
/** Names in the documents that are not this package's, or that it does not have. */
const foreign = new Set([
  ...Object.getOwnPropertyNames(globalThis),
  ...Object.getOwnPropertyNames(Array.prototype),
  ...['ContinualTorchWarning'], // the type of our warnings
  ...['DeprecationWarning', 'NamedTuple', 'None', 'OrderedDict', 'Counter', 'RandomState', 'List', 'Tuple', 'Dict', 'Optional', 'vars'], // Python
  ...['torch.jit', 'torch.export', 'torch.compile', 'torch.nn', 'torch.dtype', 'torch.device', 'torch.Size', 'torch.optim'], // PyTorch
  ...['nn.Transformer'], // named as missing
  ...['ZeroPad', 'ConstantPad', 'ReflectionPad', 'ReplicationPad', 'CircularPad'], // "each 1d to 3d"
  ...['MaxPool', 'AvgPool', 'AdaptiveMaxPool', 'AdaptiveAvgPool'],
]);

/** Python's names, and those of metrics. */
const isOtherName = /\w_[a-z]|^_|_[A-Z]|^(Experience|Stream)(Forgetting|BWT|ForwardTransfer)$/;

/** Columns whose names are another library's. */
const isForeignColumn = (column: string) => /avalanche|pytorch|python|torchscript/i.test(column);

/** Every class, function and method that a program can name. */
function knownNames(): Set<string> {
  const known = new Set<string>();
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === 'function') {
      for (let proto: unknown = value.prototype; proto && proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
        Object.getOwnPropertyNames(proto).forEach((name) => known.add(name));
      }
    }
    if (typeof value !== 'object' || value === null || depth > 2) return;
    for (const [name, member] of Object.entries(value)) {
      known.add(name);
      visit(member, depth + 1);
    }
  };
  visit(library, 0);
  return known;
}

describe('the names in the documents', () => {
  let pages: Page[];
  const codes = () => pages.flatMap(({ name, spans }) => spans.filter(({ column }) => !isForeignColumn(column)).map(({ text }) => ({ page: name, text })));

  before(async () => {
    pages = await Promise.all(documents.map(readPage));
  });

  it('are in the namespaces that they are said to be in', () => {
    const missing = codes().filter(({ text }) => {
      const [, namespace, name] = /^(?:new )?(\w+)\.(\w+)/.exec(text) ?? [];
      if (!namespaces.includes(namespace as 'nn') || foreign.has(`${namespace}.${name}`)) return false;
      return !(name! in library[namespace as 'nn']);
    });
    assert.deepEqual(missing, []);
  });

  it('of classes and of what is called exist', () => {
    const known = new Set([...knownNames(), ...exportedNames([path.join(root, 'dist', 'index.d.ts')]).values().next().value!]);
    const missing = codes().filter(({ text }) => {
      if (/^(process|os|JSON|Math|torch\.jit|torch\.load)\b/.test(text)) return false; // Node's, Python's
      const name = /^(?:new )?([A-Z][a-z]\w*|(?:[A-Z]+[a-z]\w*))$/.exec(text)?.[1] ?? /^(?:new )?(?:\w+\.)*(\w+)\(/.exec(text)?.[1];
      return name !== undefined && !isOtherName.test(name) && !foreign.has(name) && !known.has(name);
    });
    assert.deepEqual(missing, []);
  });

  it('are all that the package exports', async () => {
    // A type stands where what it belongs to is described: in the reference (npm run docs).
    const text = pages.map((page) => page.text).join('\n');
    const unnamed = Object.keys(library).filter((name) => !RegExp(`\\b${name}\\b`).test(text));
    assert.deepEqual(unnamed, []);
  });
});
