// Programs out of documents: the blocks of a page, in order, share one scope, as a reader takes them. What a page takes for
// granted (a model, data) is exported by test/docs/set-up/PAGE.mts; every name that the page does not declare or import
// itself comes from there, or from the package.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { consumer, root } from '../support/consumer';
import type { Page } from '../support/markdown';

const folder = path.join(root, 'build', 'docs');
const sources = path.join(folder, 'programs');
const compiled = path.join(folder, 'compiled');
const declarations = path.join(root, 'dist', 'index.d.ts');
const setUps = path.join(root, 'test', 'docs', 'set-up');

/** Writes the program of each page that has TypeScript; a line of it is the same line of the page. */
export function writePrograms(pages: readonly Page[]): { page: string; file: string }[] {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(sources, { recursive: true });
  const setUpOf = ({ name }: Page) => path.join(setUps, `${path.basename(name, '.md')}.mts`);
  const exported = exportedNames([declarations, ...pages.map(setUpOf).filter(existsSync)]);
  return pages.flatMap((page) => {
    const blocks = page.blocks.filter(({ language }) => language === 'ts');
    if (blocks.length === 0) return [];
    const lines = page.text.split('\n').map(() => '');
    for (const { line, text } of blocks) text.split('\n').forEach((each, i) => (lines[line - 1 + i] = each));
    const base = path.basename(page.name, '.md');
    const ofSetUp = exported.get(setUpOf(page)) ?? [];
    const { used, declared } = namesOf(lines.join('\n'));
    const taken = (names: string[]) => names.filter((name) => used.has(name) && !declared.has(name));
    const fromPackage = taken(exported.get(declarations)!).filter((name) => !ofSetUp.includes(name));
    lines[0] = `${importOf(taken(ofSetUp), `../../../test/docs/set-up/${base}.mjs`)} ${importOf(fromPackage, 'continual-torch')}`;
    const file = path.join(sources, `${base}.mts`);
    writeFileSync(file, `${lines.join('\n')}\nexport {};\n`);
    return [{ page: page.name, file }];
  });
}

/** Writes the JavaScript of a program; the files that it is made of. */
export function compile(program: ts.Program): string[] {
  const written: string[] = [];
  program.emit(undefined, (name, text) => {
    const file = path.join(compiled, path.relative(root, name));
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    written.push(file);
  });
  return written;
}

/** Where `compile` writes the JavaScript of a file. */
export function compiledFile(file: string): string {
  return path.join(compiled, path.relative(root, file)).replace(/\.mts$/, '.mjs');
}

function importOf(names: string[], module: string): string {
  return names.length === 0 ? '' : `import { ${names.join(', ')} } from '${module}';`;
}

/** The names that modules export, types too. */
export function exportedNames(files: readonly string[]): Map<string, string[]> {
  const program = consumer(files, 'node16');
  const checker = program.getTypeChecker();
  const exportsOf = (file: string) => checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)!)!);
  return new Map(files.map((file) => [file, exportsOf(file).map(({ name }) => name)]));
}

/** The names that a program uses, and those that it declares at its top or imports. */
function namesOf(text: string): { used: Set<string>; declared: Set<string> } {
  const source = ts.createSourceFile('page.mts', text, ts.ScriptTarget.ES2022, true);
  const used = new Set<string>();
  const declared = new Set<string>();
  const bound = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) declared.add(name.text);
    else name.elements.forEach((element) => ts.isBindingElement(element) && bound(element.name));
  };
  const visit = (node: ts.Node): void => {
    const isProperty = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;
    if (ts.isIdentifier(node) && !isProperty) used.add(node.text);
    node.forEachChild(visit);
  };
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) statement.declarationList.declarations.forEach(({ name }) => bound(name));
    else if ((ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement)) && statement.name) bound(statement.name);
    else if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) bound(statement.name);
    else if (ts.isImportDeclaration(statement)) {
      const named = statement.importClause?.namedBindings;
      if (named && ts.isNamedImports(named)) named.elements.forEach(({ name }) => bound(name));
    }
    visit(statement);
  }
  return { used, declared };
}
