/** `--set` for specs of objects within each other: the key is a path, and the schema says what there may be. */
import type { z } from 'zod';
import { nearestName, plural, UsageError } from '../../src/core/errors.js';
import { isUnknownKey, issuesAt } from '../../src/core/issues.js';
import type { Json } from '../../src/core/json.js';
import { currentKey, currentSpec } from '../../src/core/spec.js';
import { notice } from './notices.js';
import { givenTwice, settingValue, type Setting } from './settings.js';

type Spec = Record<string, Json>;

/**
 * `training.steps=50`: changes one value of a spec, or adds one that the schema knows and the spec leaves out. A key by
 * its old name is taken for the new one, with a line that says so. A value is JSON, or a text where the schema wants
 * one: a folder may be called 2012. Returns the key in the words of this version. Throws UsageError on a key that the
 * schema does not know.
 */
function applySetting(schema: z.ZodType, spec: Spec, setting: Setting): string {
  const { keys, holder, added } = placeOf(spec, setting);
  const last = keys.at(-1)!;
  holder[last] = valueFor(schema, spec, keys, setting, (value) => (holder[last] = value));
  for (let depth = added?.depth ?? Infinity; depth <= keys.length; depth++) {
    const to = keys.slice(0, depth);
    if (isUnknownKey(schema, spec, to)) throw noKey(setting, to, depth === added!.depth ? added!.known : []);
  }
  const path = keys.join('.');
  if (path !== setting.path) notice(`--set: "${setting.path}" is now "${path}"`);
  return path;
}

function noKey({ typed }: Setting, keys: readonly string[], known: readonly string[]): UsageError {
  const here = known.length > 0 ? `; here are: ${known.join(', ')}` : '';
  const near = nearestName(keys.at(-1)!, known);
  const hint = near === undefined ? '' : `. Did you mean "${[...keys.slice(0, -1), near].join('.')}"?`;
  return new UsageError(`--set ${typed}: no key "${keys.join('.')}"${here}${hint}`);
}

function noEntry({ typed }: Setting, keys: readonly string[], length: number): UsageError {
  return new UsageError(
    `--set ${typed}: no key "${keys.join('.')}"; the list there has ${plural(length, 'entry', 'entries')}, which are called 0, 1, ...`,
  );
}

/** The error of a key within what has none: nothing, as the imitation of an arm without it, or a single value. */
function noObject({ typed }: Setting, keys: readonly string[], inner: string, found: Json | undefined): UsageError {
  const path = keys.join('.');
  return new UsageError(`--set ${typed}: no key "${path}.${inner}", as ${path} is ${JSON.stringify(found)}`);
}

/** Where a setting belongs in a spec. */
interface Place {
  /** The path to it, in the words of this version. */
  readonly keys: readonly string[];
  readonly holder: Spec;
  /** How many keys lead to the first that was not there, and those that were beside it. */
  readonly added?: { readonly depth: number; readonly known: readonly string[] };
}

/** Whether a spec's object has a key, or its list an entry; a list's length is none of them. */
function hasKey(holder: Spec, key: string): boolean {
  return Object.hasOwn(holder, key) && (!Array.isArray(holder) || /^\d+$/.test(key));
}

/** Follows a path through a spec, and adds what is not there. Throws UsageError where nothing can be added. */
function placeOf(spec: Spec, setting: Setting): Place {
  const given = setting.path.split('.');
  const keys: string[] = [];
  let [holder, added]: [Spec, Place['added']] = [spec, undefined];
  for (const [i, name] of given.entries()) {
    const key = Array.isArray(holder) ? name : currentKey(name, holder);
    keys.push(key);
    const known = Object.keys(holder);
    if (!hasKey(holder, key)) {
      if (Array.isArray(holder)) throw noEntry(setting, keys, holder.length);
      if (key in holder) throw noKey(setting, keys, known);
      added ??= { depth: i + 1, known };
      holder[key] = i < given.length - 1 ? {} : null;
    }
    if (i === given.length - 1) break;
    const next = holder[key];
    if (next === null || typeof next !== 'object') throw noObject(setting, keys, given[i + 1]!, next);
    holder = next as Spec;
  }
  return { keys, holder, ...(added && { added }) };
}

/** The value that a text stands for: what it is as JSON, or itself where the schema takes that and not the other. */
function valueFor(
  schema: z.ZodType,
  spec: Spec,
  path: readonly string[],
  setting: Setting,
  set: (value: Json) => void,
): Json {
  const value = settingValue(setting);
  if (typeof value === 'string') return value;
  const problems = (candidate: Json): number => {
    set(candidate);
    return issuesAt(schema, spec, path);
  };
  return problems(value) > 0 && problems(setting.text) === 0 ? setting.text : value;
}

/**
 * The spec with every setting put into it, in the words of this version where a setting's value has old ones. Throws
 * UsageError on a key that the schema does not know.
 */
export function applySettings(schema: z.ZodType, spec: Spec, settings: readonly Setting[]): Spec {
  const paths = settings.map((setting) => applySetting(schema, spec, setting));
  const twice = paths.find((path, i) => settings[paths.indexOf(path)]!.text !== settings[i]!.text);
  if (twice !== undefined) throw givenTwice(twice);
  const { value, notes } = currentSpec(spec);
  for (const note of notes) notice(`--set: ${note}`);
  return value;
}
