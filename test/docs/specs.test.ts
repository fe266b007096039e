/** docs/specs.md is made of the schemas of data sets, networks and training (npm run docs:made writes it). */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseSpec } from '../../src/core/spec.js';
import { DATASETS, DataSpec } from '../../src/data/index.js';
import { FAMILIES } from '../../src/models/index.js';
import { DATA, DATA_KEYS, NETWORK_KEYS, OWN_TABLES, TRAINING, VALUES } from './spec-keys.js';

/** As much of a JSON schema as is read here. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema | false;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** Bounds above that of a width are left out: no one meets them. */
const VAST = 2 ** 24;

/** How many entries a list has, where its schema says it. */
function lengthOf({ minItems = 0, maxItems }: Schema): string {
  if (maxItems === undefined) return minItems === 0 ? '' : ` at least ${minItems}`;
  return minItems === maxItems ? ` ${maxItems}` : ` ${minItems} to ${maxItems}`;
}

/** The values that a schema of names allows. */
function valuesOf(schema: Schema): unknown[] {
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return [...new Set(either.flatMap(valuesOf))];
  return schema.const === undefined ? [...(schema.enum ?? [])] : [schema.const];
}

function typeOf(schema: Schema): string {
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return [...new Set(either.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${JSON.stringify(one)}\``).join(' or ');
  if (schema.type === 'array') return schema.items ? `list of${lengthOf(schema)}: ${typeOf(schema.items)}` : 'list';
  if (schema.type === 'null') return '`null`';
  if (schema.type !== 'integer' && schema.type !== 'number') return String(schema.type).replace('string', 'text');
  const { minimum, exclusiveMinimum, maximum = Infinity } = schema;
  if (minimum === undefined && exclusiveMinimum === undefined) return 'number';
  const from = exclusiveMinimum === undefined ? `from ${minimum}` : `above ${exclusiveMinimum}`;
  const to = maximum <= VAST ? ` to ${maximum}` : '';
  return `${schema.type === 'integer' ? 'whole number' : 'number'} ${from}${to}`;
}

/** Meanings of keys, by their path: `stages.blocks` within the objects of a list, too. */
type Meaning = (key: string) => string | undefined;

/** A key of objects that may be of several kinds. */
interface Key {
  readonly schema: Schema;
  readonly isRequired: boolean;
  /** The kinds that have it; undefined where all have. */
  readonly kinds?: readonly string[];
}

/** Keys that say of which kind an object is. */
const KINDS = ['kind', 'by'] as const;

/** What an object of one kind is told by; nothing where kinds are told by the keys that they have. */
function kindOf({ properties = {} }: Schema): readonly string[] {
  const said = KINDS.map((key) => properties[key]).find((one) => one !== undefined);
  return (said?.const === undefined ? (said?.enum ?? []) : [said.const]).map(String);
}

/** The objects that a value can be, those of a list and of a choice included; none for numbers and texts. */
function objects(schema: Schema): readonly Schema[] {
  const within = schema.anyOf ?? schema.oneOf ?? (schema.items ? [schema.items] : []);
  return schema.properties === undefined ? within.flatMap(objects) : [schema];
}

/** Keys of all kinds of an object. */
function keysOf(kinds: readonly Schema[]): Map<string, Key> {
  const keys = new Map<string, Key>();
  for (const name of new Set(kinds.flatMap(({ properties = {} }) => Object.keys(properties)))) {
    const having = kinds.filter(({ properties = {} }) => name in properties);
    const types = having.map(({ properties = {} }) => properties[name] as Schema);
    const [first] = types;
    keys.set(name, {
      schema: types.length === 1 && first !== undefined ? first : { anyOf: types, default: first?.default },
      isRequired: having.every(({ required = [] }) => required.includes(name)),
      ...(having.length === kinds.length ? {} : { kinds: having.flatMap(kindOf) }),
    });
  }
  return keys;
}

/** What one of the values of a key means. Throws where nothing says it. */
function saidOf(values: Meanings, key: string, value: unknown): string {
  const said = values[String(value)];
  if (said === undefined)
    throw new Error(`the value ${String(value)} of ${key} has no meaning in test/docs/spec-keys.ts`);
  return `${said} (\`${String(value)}\`)`;
}

/** A row for each key, those of objects within it included, but for what has a table of its own. */
function rows(schemas: readonly Schema[], meaning: Meaning, above = ''): string[] {
  return [...keysOf(schemas)].flatMap(([name, { schema, isRequired, kinds }]) => {
    const key = `${above}${name}`;
    if (key === 'set' || key === 'family') return [];
    const said = meaning(key);
    if (said === undefined) throw new Error(`the key ${key} has no meaning in test/docs/spec-keys.ts`);
    const value =
      schema.default === undefined ? (isRequired ? '' : 'optional') : `\`${JSON.stringify(schema.default)}\``;
    const of = kinds === undefined || kinds.length === 0 ? '' : `${kinds.map((kind) => `\`${kind}\``).join(', ')}: `;
    const link = schema.$ref === undefined && objects(schema).length === 0 ? undefined : OWN_TABLES[name];
    const type = link === undefined ? typeOf(schema) : link;
    const inner = link === undefined ? rows(objects(schema), meaning, `${key}.`) : [];
    const values = VALUES[key];
    const each =
      values === undefined
        ? ''
        : `: ${valuesOf(schema)
            .map((one) => saidOf(values, key, one))
            .join(', ')}`;
    return [`| \`${key}\` | ${type} | ${value} | ${of}${said}${each} |`, ...inner];
  });
}

type Meanings = Readonly<Record<string, string>>;

/** Keys of each list of meanings that stand on the page. */
const USED = new Map<Meanings, Set<string>>();

/**
 * A table of the keys of a schema, with what the first list that has a key says of it. Throws where none has one.
 */
function table(spec: z.ZodType, ...lists: readonly Meanings[]): string {
  const schema = z.toJSONSchema(spec, { io: 'input', unrepresentable: 'any' }) as Schema;
  const meaning = (key: string): string | undefined => {
    const list = lists.find((one) => key in one);
    if (list !== undefined) USED.set(list, (USED.get(list) ?? new Set()).add(key));
    return list?.[key];
  };
  return ['| key | type | default | what |', '|---|---|---|---|', ...rows(objects(schema), meaning)].join('\n');
}

function page(): string {
  USED.clear();
  const data = Object.entries(DATASETS).map(([name, { spec }]) => {
    const notes = DATA[name];
    if (notes === undefined) throw new Error(`the data set ${name} is not in test/docs/spec-keys.ts`);
    const keys = table(spec, notes.keys ?? {}, DATA_KEYS);
    return `### ${name}\n\nFiles: ${notes.layout}.\n\n\`\`\`json\n${JSON.stringify(notes.example)}\n\`\`\`\n\n${keys}`;
  });
  const networks = Object.entries(FAMILIES).map(([name, { spec, presets }]) => {
    const named = Object.keys(presets);
    const list = named.length === 0 ? '' : `Published: ${named.map((one) => `\`${one}\``).join(', ')}.\n\n`;
    return `### ${name}\n\n${list}${table(spec, NETWORK_KEYS)}`;
  });
  const training = TRAINING.map(({ title, what, spec, keys }) => `### ${title}\n\n${what}\n\n${table(spec, keys)}`);
  return `# Keys of specs

This page is made of the schemas of the registries; a test compares the two. A spec is JSON, as
\`gowide train GROUP --print-config\` prints it and \`--config FILE\` takes it; a key without a default has to be given,
unless it is optional. [Data](data.md) says more of what is read, and \`gowide thin --data\` finds out by itself which
form a folder or a file has. A path with a dot is a key within an object, or within each object of a list; names before
a colon say which kinds of the object have the key.

## Training

A spec has the keys of \`run\`; the others are parts of it.

${training.join('\n\n')}

## Data sets

\`data.set\` is the name of one of these.

${data.join('\n\n')}

## Networks

\`network.family\` is the name of one of these.

${networks.join('\n\n')}
`;
}

test('docs/specs.md has every key of every data set, network and training run (npm run docs:made writes it)', async () => {
  await expect(page()).toMatchFileSnapshot(resolve(import.meta.dirname, '../../docs/specs.md'));
});

test('no meaning is written down for a key that is not there', () => {
  page();
  const lists = [DATA_KEYS, NETWORK_KEYS, ...[...Object.values(DATA), ...TRAINING].map(({ keys = {} }) => keys)];
  expect(lists.flatMap((list) => Object.keys(list).filter((key) => USED.get(list)?.has(key) !== true))).toEqual([]);
});

test.each(Object.entries(DATA))('the example of %s is a spec', (name, { example }) => {
  expect(parseSpec(DataSpec, 'data', example)).toMatchObject({ set: name });
});
