/** Every exported symbol has a docstring that can be read alone, as a hover shows it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { withSlashes } from '../../src/core/folder.js';

const ROOT = resolve(import.meta.dirname, '../..');

/** An exported symbol with the words of its docstring; undefined where it has none. */
interface Documented {
  readonly name: string;
  readonly text: string | undefined;
}

/** Names that a statement declares. */
function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const { name } = statement as ts.DeclarationStatement;
  return [name?.getText() ?? 'default'];
}

/** What a file exports by declarations; a schema and its type of one name share a docstring. */
function exportsOf(file: string, source: string): Documented[] {
  const found = new Map<string, string | undefined>();
  for (const statement of ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true).statements) {
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (!isExported) continue;
    const text = ts
      .getJSDocCommentsAndTags(statement)
      .map((part) => (ts.isJSDoc(part) ? (ts.getTextOfJSDocComment(part.comment) ?? '') : ''))
      .join('');
    for (const name of namesOf(statement)) found.set(name, found.get(name) ?? (text || undefined));
  }
  return [...found].map(([name, text]) => ({ name, text }));
}

const FILES = ['src', 'theory', 'experiments', 'reports', 'cli']
  .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => withSlashes(relative(ROOT, join(entry.parentPath, entry.name))))
  .filter((file) => !file.includes('/assembly/'));

const ALL = FILES.flatMap((file) =>
  exportsOf(file, readFileSync(join(ROOT, file), 'utf8')).map(({ name, text }) => ({ name: `${file}: ${name}`, text })),
);

test('an export without a docstring is found, one with it is not', () => {
  const source = `
    /** A. */
    export const a = 1;
    export const b = 2;
    // no docstring
    export function c() {}
    /** D. */
    export interface D {}
    export const D = 3;
    export class E {}
    export type F = string;
    const hidden = 4;`;
  const missing = exportsOf('x.ts', source).filter(({ text }) => text === undefined);
  expect(missing.map(({ name }) => name)).toEqual(['b', 'c', 'E', 'F']);
});

test('every exported symbol has a docstring', () => {
  expect(ALL.length).toBeGreaterThan(1000);
  expect(ALL.filter(({ text }) => text === undefined).map(({ name }) => name)).toEqual([]);
});

test('no docstring begins with what stands before it', () => {
  const leaning = ALL.filter(({ text = '' }) => /^(?:The same|All of them|Likewise|Of )/.test(text));
  expect(leaning.map(({ name, text }) => `${name}: ${text}`)).toEqual([]);
});

test('no comment in the form of a docstring does, of a member or of what is not exported', () => {
  const leaning = FILES.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\/\*\*[\s*]+(?:The same|All of them|Likewise|Of|By) .*/g)].map(
      ([comment]) => `${file}: ${comment}`,
    ),
  );
  expect(leaning).toEqual([]);
});
