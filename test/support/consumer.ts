// The package as the TypeScript of a user sees it: its published declarations, checked with everything that strict has.
import { existsSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export const root = path.join(__dirname, '..', '..');
const declarations = path.join(root, 'dist');

/** The ways of finding a module that consumers use. */
export const resolutions = {
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
} satisfies Record<string, ts.CompilerOptions>;

/** A program of a consumer; files must lie below the package's root, where its own name leads to it. */
export function consumer(files: readonly string[], resolution: keyof typeof resolutions): ts.Program {
  if (!existsSync(path.join(declarations, 'index.d.ts'))) throw new Error('no declarations: `npm run setup` makes them');
  return ts.createProgram(files, {
    ...resolutions[resolution],
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    strict: true,
    skipLibCheck: false,
    noEmitOnError: false,
  });
}

/** What the compiler has to say, one line each. */
export function complaints(program: ts.Program): string[] {
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (!file || start === undefined) return message;
    const { line } = file.getLineAndCharacterOfPosition(start);
    return `${path.relative(root, file.fileName)}:${line + 1}: ${message}`;
  });
}

/** Those declarations of the package that the program has read. */
export function publishedDeclarations(program: ts.Program): readonly ts.SourceFile[] {
  return program.getSourceFiles().filter(({ fileName }) => path.resolve(fileName).startsWith(declarations + path.sep));
}
