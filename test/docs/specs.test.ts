/** docs/specs.md is made of the schemas of data sets and networks (npm run docs:made writes it). */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseSpec } from '../../src/core/spec.js';
import { DATASETS, DataSpec } from '../../src/data/index.js';
import { FAMILIES } from '../../src/models/index.js';
import { DATA, DATA_KEYS, NETWORK_KEYS } from './spec-keys.js';

/** As much of a JSON schema as is read here. */
interface Schema {
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
}

/** Bounds that no one meets are left out. */
const VAST = 1e6;

function typeOf(schema: Schema): string {
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return [...new Set(either.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((one) => `\`${JSON.stringify(one)}\``).join(' or ');
  if (schema.type === 'array') return schema.items ? `list of: ${typeOf(schema.items)}` : 'list';
  if (schema.type !== 'integer' && schema.type !== 'number') return String(schema.type).replace('string', 'text');
  const { minimum, exclusiveMinimum, maximum = Infinity } = schema;
  const from = exclusiveMinimum === undefined ? `from ${minimum}` : `above ${exclusiveMinimum}`;
  const to = maximum < VAST ? ` to ${maximum}` : '';
  return `${schema.type === 'integer' ? 'whole number' : 'number'} ${from}${to}`;
}

/** A row for each key, those of objects within it included. Throws where the meaning of one is not written down. */
function rows(schema: Schema, meaning: (key: string) => string | undefined, above = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, one]) => {
    const key = `${above}${name}`;
    if (key === 'set' || key === 'family') return [];
    const said = meaning(key);
    if (said === undefined) throw new Error(`the key ${key} has no meaning in test/docs/spec-keys.ts`);
    const optional = schema.required?.includes(name) === true ? '' : 'optional';
    const value = one.default === undefined ? optional : `\`${JSON.stringify(one.default)}\``;
    return [`| \`${key}\` | ${typeOf(one)} | ${value} | ${said} |`, ...rows(one, meaning, `${key}.`)];
  });
}

function table(spec: z.ZodType, meaning: (key: string) => string | undefined): string {
  const schema = z.toJSONSchema(spec, { io: 'input', unrepresentable: 'any' }) as Schema;
  return ['| key | type | default | what |', '|---|---|---|---|', ...rows(schema, meaning)].join('\n');
}

function page(): string {
  const data = Object.entries(DATASETS).map(([name, { spec }]) => {
    const notes = DATA[name];
    if (notes === undefined) throw new Error(`the data set ${name} is not in test/docs/spec-keys.ts`);
    const keys = table(spec, (key) => notes.keys?.[key] ?? DATA_KEYS[key]);
    return `### ${name}\n\nFiles: ${notes.layout}.\n\n\`\`\`json\n${JSON.stringify(notes.example)}\n\`\`\`\n\n${keys}`;
  });
  const networks = Object.entries(FAMILIES).map(([name, { spec, presets }]) => {
    const named = Object.keys(presets);
    const list = named.length === 0 ? '' : `Published: ${named.map((one) => `\`${one}\``).join(', ')}.\n\n`;
    return `### ${name}\n\n${list}${table(spec, (key) => NETWORK_KEYS[key])}`;
  });
  return `# Keys of specs

This page is made of the schemas of the registries; a test compares the two. A spec is JSON, as
\`gowide train GROUP --print-config\` prints it and \`--config FILE\` takes it; a key without a default has to be given,
unless it is optional. [Data](data.md) says more of what is read, and \`gowide thin --data\` finds out by itself which
form a folder or a file has.

## Data sets

\`data.set\` is the name of one of these.

${data.join('\n\n')}

## Networks

\`network.family\` is the name of one of these.

${networks.join('\n\n')}
`;
}

test('docs/specs.md has every key of every data set and network (npm run docs:made writes it)', async () => {
  await expect(page()).toMatchFileSnapshot(resolve(import.meta.dirname, '../../docs/specs.md'));
});

test.each(Object.entries(DATA))('the example of %s is a spec', (name, { example }) => {
  expect(parseSpec(DataSpec, 'data', example)).toMatchObject({ set: name });
});
