/** `--set key=value`: one value of a spec, changed. */
import { Option } from 'commander';
import { UsageError } from '../../src/core/errors.js';
import { parseJson, type Json } from '../../src/core/json.js';
import { parseNumber } from '../../src/core/number.js';
import { repeatable } from './options.js';

/** One `--set`, taken apart. */
export interface Setting {
  /** As it was typed. */
  readonly typed: string;
  /** The key, with points between those of objects within each other. */
  readonly path: string;
  readonly text: string;
}

/** `--set`, which may be given for several keys. */
export function setOption(description: string): Option {
  return repeatable(new Option('--set <key=value>', description));
}

/** Settings, taken apart, each once. Throws UsageError on one without a key, and on a key with two values. */
export function settingsOf(typed: readonly string[], example: string): Setting[] {
  const settings = [...new Set(typed)].map((setting) => {
    const at = setting.indexOf('=');
    if (at < 1) throw new UsageError(`--set ${setting}: expected key=value, for example ${example}`);
    return { typed: setting, path: setting.slice(0, at), text: setting.slice(at + 1) };
  });
  const twice = settings.find(({ path }, i) => settings.findIndex((other) => other.path === path) < i);
  if (twice !== undefined) throw givenTwice(twice.path);
  return settings;
}

/** The error of a key that several settings change. */
export function givenTwice(path: string): UsageError {
  return new UsageError(`--set: "${path}" is given twice with different values; expected one`);
}

/**
 * What a text stands for: a number as every option takes it, without blanks around it; other JSON; or else the text
 * itself. Throws UsageError on JSON with a key that stands twice in an object.
 */
export function settingValue({ path, text }: Setting): Json {
  const number = parseNumber(text);
  if (number !== undefined) return number;
  try {
    const value = parseJson(text) as Json;
    return typeof value === 'number' ? text : value;
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error instanceof UsageError ? new UsageError(`--set ${path}: ${error.message}`) : error;
  }
}

/** A spec without objects in it, with every setting put in; who reads it checks it. */
export function withSettings(
  spec: Readonly<Record<string, unknown>>,
  settings: readonly Setting[],
): Readonly<Record<string, unknown>> {
  return { ...spec, ...Object.fromEntries(settings.map((setting) => [setting.path, settingValue(setting)])) };
}
