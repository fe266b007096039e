/** What the entries of the package export can be named by programs of users, with what it takes and gives. */
import { readFileSync } from 'node:fs';
import { join, posix, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { remembered } from '../../src/core/memo.js';

const ROOT = resolve(import.meta.dirname, '../..');
const { entryPoints, intentionallyNotExported: inner } = JSON.parse(
  readFileSync(join(ROOT, 'typedoc.json'), 'utf8'),
) as Record<'entryPoints' | 'intentionallyNotExported', string[]>;

/** A declaration, by its file and its name there. */
type Place = readonly [file: string, name: string];

const PARSED = new Map<string, readonly ts.Statement[]>();
function statementsOf(file: string): readonly ts.Statement[] {
  return remembered(PARSED, file, () => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    return ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true).statements;
  });
}

const fileAt = (from: string, specifier: ts.Expression): string | undefined => {
  const { text } = specifier as ts.StringLiteral;
  return text.startsWith('.') ? posix.join(posix.dirname(from), text.replace(/\.js$/, '.ts')) : undefined;
};

/** Names that a file exports, each with the place where it is declared. */
function exportsOf(file: string): ReadonlyMap<string, Place> {
  return remembered(EXPORTS, file, () => readExports(file));
}
const EXPORTS = new Map<string, ReadonlyMap<string, Place>>();

function readExports(file: string): Map<string, Place> {
  const found = new Map<string, Place>();
  for (const statement of statementsOf(file)) {
    if (ts.isExportDeclaration(statement)) {
      const from = statement.moduleSpecifier && fileAt(file, statement.moduleSpecifier);
      if (from === undefined) continue;
      const theirs = exportsOf(from);
      const names = statement.exportClause;
      if (names === undefined) for (const [name, place] of theirs) found.set(name, place);
      else if (ts.isNamedExports(names))
        for (const { name, propertyName = name } of names.elements)
          found.set(name.text, theirs.get(propertyName.text) ?? [from, propertyName.text]);
    } else if (
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
    )
      for (const name of namesOf(statement)) found.set(name, [file, name]);
  }
  return found;
}

function namesOf(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  return [(statement as ts.DeclarationStatement).name?.getText() ?? ''];
}

const isShape = ([file, name]: Place): boolean =>
  statementsOf(file).some(
    (one) => (ts.isInterfaceDeclaration(one) || ts.isClassDeclaration(one)) && one.name?.text === name,
  );

/** What is imported into a file, or declared in it, by its name there. */
function scopeOf(file: string): ReadonlyMap<string, Place> {
  return remembered(SCOPES, file, () => readScope(file));
}
const SCOPES = new Map<string, ReadonlyMap<string, Place>>();

function readScope(file: string): Map<string, Place> {
  const found = new Map<string, Place>();
  for (const statement of statementsOf(file)) {
    for (const name of namesOf(statement)) found.set(name, [file, name]);
    if (!ts.isImportDeclaration(statement)) continue;
    const [from, names] = [fileAt(file, statement.moduleSpecifier), statement.importClause?.namedBindings];
    if (from === undefined || names === undefined || !ts.isNamedImports(names)) continue;
    for (const { name, propertyName = name } of names.elements)
      found.set(name.text, exportsOf(from).get(propertyName.text) ?? [from, propertyName.text]);
  }
  return found;
}

const isPrivate = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) &&
  ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) === true;

/** Names of the types that a signature says; what is inherited stands in the signature itself. */
function typesIn(node: ts.Node): string[] {
  if (ts.isBlock(node) || ts.isHeritageClause(node) || isPrivate(node)) return [];
  // of a value its type, where that is said: what it is made of is not read
  if (ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node) || ts.isParameter(node))
    return node.type === undefined ? [] : typesIn(node.type);
  const own = ts.isTypeReferenceNode(node) ? [node.typeName.getText()] : [];
  const parts: string[] = [];
  ts.forEachChild(node, (child) => void parts.push(...typesIn(child)));
  return [...own, ...parts];
}

/** What the entries export, by its name there. */
const named = new Map(entryPoints.flatMap((entry) => [...exportsOf(entry)]));
/** What the entries export, by file and name. */
const shown = new Map(entryPoints.flatMap((entry) => [...exportsOf(entry).values()]).map((one) => [one.join(), one]));

/** What is linked to in the docstrings of a declaration and of its members, but for private ones. */
function linksIn(node: ts.Node): string[] {
  if (ts.isBlock(node) || isPrivate(node)) return [];
  const own = ts.getJSDocCommentsAndTags(node).flatMap((comment) => {
    return [...comment.getText().matchAll(/\{@link ([\w.]+)/g)].map(([, name]) => name!.split('.')[0]!);
  });
  const parts: string[] = [];
  ts.forEachChild(node, (child) => void parts.push(...linksIn(child)));
  return [...own, ...parts];
}

const membersOf = (node: ts.Statement): string[] =>
  (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node) ? [...node.members] : []).flatMap(
    ({ name }) => name?.getText() ?? [],
  );

test('every interface and class that an exported signature says is exported, too', () => {
  expect(shown.size).toBeGreaterThan(500);
  const missing = [...shown.values()].flatMap(([file, name]) => {
    const scope = scopeOf(file);
    const said = statementsOf(file)
      .filter((one) => namesOf(one).includes(name))
      .flatMap(typesIn);
    return said.flatMap((type) => {
      const place = scope.get(type);
      if (place === undefined || shown.has(place.join()) || !isShape(place)) return [];
      return inner.some((one) => [place[1], place.join(':')].includes(one)) ? [] : [`${name} of ${file}: ${type}`];
    });
  });
  expect([...new Set(missing)]).toEqual([]);
});

test('every docstring of an export links to exports, or to members beside it', () => {
  let count = 0;
  const missing = [...shown.values()].flatMap(([file, name]) =>
    statementsOf(file)
      .filter((one) => namesOf(one).includes(name))
      .flatMap((one) =>
        linksIn(one)
          .filter((link) => {
            count++;
            const place = scopeOf(file).get(link) ?? named.get(link);
            return !membersOf(one).includes(link) && (place === undefined || !shown.has(place.join()));
          })
          .map((link) => `${name} of ${file}: {@link ${link}}`),
      ),
  );
  expect(count).toBeGreaterThan(20);
  expect(missing).toEqual([]);
});
