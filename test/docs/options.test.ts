import assert from 'node:assert/strict';
import { z } from 'zod';
import { models, optim } from '../../lib/index';
import { trainSchema } from '../../lib/training/templates/base';
import { baseSGDOptions } from '../../lib/training/templates/sgd-options';
import { readPage } from '../support/markdown';
import { onCpu } from '../support/on-cpu';

/** The rows of each table of options of a page: option, type, default, meaning. */
async function optionTables(page: string): Promise<string[][][]> {
  const { tables } = await readPage(page);
  return tables.filter(({ header }) => header[0]!.text === 'option').map(({ rows }) => rows.map((cells) => cells.map(({ text }) => text)));
}

const names = (table: string[][]) => table.map(([option]) => option!.replaceAll('`', ''));

describe('the tables of options in docs/training-loop.md', () => {
  onCpu('the table has the default device of a program that names none');

  const strategySchema = z.object(baseSGDOptions);
  const strategyDefaults = () => {
    const model = new models.SimpleMLP();
    return strategySchema.parse({ model, optimizer: new optim.SGD(model.parameters()) });
  };

  for (const [i, what, schema, defaults] of [
    [0, 'a strategy', strategySchema, strategyDefaults],
    [1, 'train and eval', trainSchema, () => trainSchema.parse({})],
  ] as const) {
    it(`have all options of ${what} and no other`, async () => {
      const table = (await optionTables('docs/training-loop.md'))[i]!;
      assert.deepEqual(names(table).sort(), Object.keys(schema.shape).sort());
    });

    it(`have the defaults of ${what}`, async () => {
      const table = (await optionTables('docs/training-loop.md'))[i]!;
      for (const [option, , text] of table) {
        const value = (defaults() as Record<string, unknown>)[option!.replaceAll('`', '')];
        // A model is no default, and what is undefined is made later: the cell has words.
        if (value === undefined || text === 'required') continue;
        assert.equal(text, `\`${JSON.stringify(value)}\``, option);
      }
    });
  }
});
