/** docs/demonstrations: its page has the figures of its tables, which say where they come from. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

const FOLDER = join(import.meta.dirname, '../../docs/demonstrations');
const text = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const { tableOf } = (await import('../../docs/demonstrations/collect.mjs' as string)) as {
  tableOf: (csv: string, name: string) => string;
};

type Row = Readonly<Record<string, string>>;

/** Rows of a table without commas in its values. */
function rowsOf(csv: string): Row[] {
  const [head, ...lines] = csv
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  return lines.map((cells) => Object.fromEntries(head!.map((name, i) => [name, cells[i]!])));
}

const [page, results] = [text('README.md'), text('results.csv')];
const rows = rowsOf(results);
const names = [...new Set(rows.map(({ demonstration }) => demonstration!))];

describe.each(names)('%s', (name) => {
  const mine = rows.filter(({ demonstration }) => demonstration === name);

  test('the page has its table as it is kept', () => {
    expect(page).toContain(`<!-- ${name} -->\n\n${tableOf(results, name)}\n\n<!-- end -->`);
  });

  test('each seed has a wide net and one thin net that was taken, which is the smaller one', () => {
    for (const seed of new Set(mine.map((row) => row.seed))) {
      const found = mine.filter((row) => row.seed === seed);
      const [wide] = found.filter(({ net }) => net === 'wide');
      const taken = found.filter(({ net }) => net!.endsWith('(taken)'));
      expect(taken).toHaveLength(1);
      expect(Number(taken[0]!.parameters)).toBeLessThan(Number(wide!.parameters));
      for (const { validation, test: reported } of found)
        for (const share of [validation, reported]) expect(Number(share)).toSatisfy((x) => x >= 0 && x <= 100);
    }
  });

  test('its script and its origin are kept: commit, engine and days of every seed', () => {
    expect(existsSync(join(FOLDER, `${name}.sh`))).toBe(true);
    const origins = JSON.parse(text('origin.json')) as Record<string, Record<string, Record<string, unknown>>>;
    for (const { seed } of mine) {
      const { commit, engine, from, to } = origins[name]![`seed ${seed}`]!;
      expect(commit).toMatch(/^[0-9a-f]{12}(, [0-9a-f]{12})*$/);
      expect(engine).toMatch(/^(tensorflow|wasm|webgpu) /);
      expect(Date.parse(String(from))).toBeLessThan(Date.parse(String(to)));
    }
  });
});

test('outputs of other libraries stand on the page as they were compared, and agree', () => {
  const opened = rowsOf(text('opened.csv'));
  expect(opened.length).toBeGreaterThan(0);
  for (const row of opened) {
    expect(page).toContain(
      `| ${row.demonstration} | ${row['opened in']} | ${row['largest difference']} | ${row.same} of ${row.examples} |`,
    );
    expect(Number(row['largest difference'])).toBeLessThan(1e-5);
    expect(row.same).toBe(row.examples);
  }
});

test('nothing in the folder names a path of the machine that it was run on', () => {
  for (const name of ['README.md', 'results.csv', 'origin.json', 'opened.csv'])
    expect(text(name)).not.toMatch(/\/(tmp|home|root|work|Users)\//);
});
