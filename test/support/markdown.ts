// The documents: README.md, docs/*.md and what else is read as Markdown.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Token, Tokens } from 'marked' with { 'resolution-mode': 'import' };

const root = path.join(__dirname, '..', '..');

/** A document, and what this repository's tests look for in it. */
export interface Page {
  /** Below the root: "docs/nn.md". */
  name: string;
  text: string;
  blocks: Block[];
  links: string[];
  /** Anchors of its headings, as GitHub makes them. */
  anchors: Set<string>;
  /** `code` inside of sentences and tables; `column` is the heading of the table's column it stands in. */
  spans: { text: string; column: string }[];
  tables: Tokens.Table[];
}

/** A block of code between fences. */
export interface Block {
  page: string;
  /** The line of its first line, from 1. */
  line: number;
  language: string;
  text: string;
}

/** README.md and everything in docs/: what is published. */
export const documents = ['README.md', ...readdirSync(path.join(root, 'docs')).filter(isMarkdown).map((name) => `docs/${name}`)];
/** The documents, and those that are for people who work on the package. */
export const allPages = [...documents, 'CONTRIBUTING.md', 'CHANGELOG.md'];

function isMarkdown(name: string): boolean {
  return name.endsWith('.md');
}

/** A page (a path below the root), read. */
export async function readPage(name: string): Promise<Page> {
  const { lexer } = await import('marked');
  const { default: Slugger } = await import('github-slugger');
  const text = readFileSync(path.join(root, name), 'utf8');
  const slugger = new Slugger();
  const page: Page = { name, text, blocks: [], links: [], anchors: new Set(), spans: [], tables: [] };
  let at = 0;
  const visit = (token: Token, column: string): void => {
    if (token.type === 'code' && token.codeBlockStyle !== 'indented') {
      at = text.indexOf(token.raw.split('\n')[0]!, at);
      const line = text.slice(0, at).split('\n').length + 1;
      at += token.raw.split('\n')[0]!.length;
      at = text.indexOf('```', at) + 3;
      page.blocks.push({ page: name, line, language: (token as Tokens.Code).lang ?? '', text: (token as Tokens.Code).text });
    }
    if (token.type === 'link' || token.type === 'image') page.links.push((token as Tokens.Link).href);
    if (token.type === 'heading') page.anchors.add(slugger.slug(plainText(token)));
    if (token.type === 'codespan') page.spans.push({ text: (token as Tokens.Codespan).text, column });
    if (token.type === 'table') {
      const table = token as Tokens.Table;
      page.tables.push(table);
      for (const row of [table.header, ...table.rows]) {
        row.forEach((cell, i) => cell.tokens.forEach((inner) => visit(inner, table.header[i]!.text)));
      }
    } else if (token.type === 'list') {
      (token as Tokens.List).items.forEach((item) => visit(item, column));
    } else {
      ((token as Tokens.Generic).tokens ?? []).forEach((inner) => visit(inner, column));
    }
  };
  lexer(text).forEach((token) => visit(token, ''));
  return page;
}

function plainText(token: Token): string {
  const { tokens } = token as Tokens.Generic;
  return tokens ? tokens.map(plainText).join('') : (token as Tokens.Text).text;
}
