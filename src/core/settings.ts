/**
 * Environment variables that hold a number or a choice. One that is empty counts as not set; docs/installing.md lists
 * all of them.
 */
import { UsageError } from './errors.js';
import { parseNumber } from './number.js';
import { lookUp } from './registry.js';

/** Numbers that a variable takes, and how they are called in an error. */
interface Numbers {
  readonly expected: string;
  readonly holds: (value: number) => boolean;
}

const SECONDS: Numbers = { expected: 'a number of seconds, 0 or more', holds: (value) => value >= 0 };

const THREADS: Numbers = {
  expected: 'a whole number from 1 to 9999',
  holds: (value) => Number.isInteger(value) && value >= 1 && value <= 9999,
};

/** Variables that hold a number. */
const NUMBERS = {
  GOWIDE_GRACE_SECONDS: SECONDS,
  GOWIDE_SAVE_SECONDS: SECONDS,
  GOWIDE_OPS_THREADS: THREADS,
  GOWIDE_THREADS: THREADS,
} as const satisfies Record<string, Numbers>;

/** Variables that switch something off. */
const SWITCHES = ['GOWIDE_FUSED', 'GOWIDE_TRACE'] as const;

function textOf(name: string): string | undefined {
  return process.env[name] || undefined;
}

/** The number that a variable holds; undefined where it is not set. Throws UsageError where it holds none. */
export function numberSetting(name: keyof typeof NUMBERS): number | undefined {
  const text = textOf(name);
  if (text === undefined) return undefined;
  const { expected, holds } = NUMBERS[name];
  const value = parseNumber(text);
  if (value === undefined || !holds(value))
    throw new UsageError(`${name}: expected ${expected}, got ${JSON.stringify(text)}`);
  return value;
}

/** Whether a variable switches something off: it is 0, and not 1 or not set. Throws UsageError on another value. */
export function isSwitchedOff(name: (typeof SWITCHES)[number]): boolean {
  const text = textOf(name);
  if (text !== undefined && text !== '0' && text !== '1')
    throw new UsageError(`${name}: expected 0 (off) or 1 (on, as without it), got ${JSON.stringify(text)}`);
  return text === '0';
}

/**
 * The name in a registry that a variable holds; undefined where it is not set. Throws UsageError where the registry
 * lacks it.
 */
export function choiceSetting<Name extends string>(
  name: 'GOWIDE_ENGINE' | 'GOWIDE_KERNEL',
  kind: string,
  registry: Readonly<Record<Name, unknown>>,
): Name | undefined {
  const text = textOf(name);
  if (text === undefined) return undefined;
  try {
    lookUp(kind, registry, text);
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${name}: ${error.message}`) : error;
  }
  return text as Name;
}

/**
 * Throws UsageError on a variable whose number or switch is none, before anything is begun; names are checked where
 * their registry is used.
 */
export function checkSettings(): void {
  for (const name of Object.keys(NUMBERS) as (keyof typeof NUMBERS)[]) numberSetting(name);
  for (const name of SWITCHES) isSwitchedOff(name);
}
