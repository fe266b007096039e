/** Every sweep back end, and how a command finds the one that is meant. */
import { UsageError } from '../../core/errors.js';
import { checkMembers, lookUp, register } from '../../core/registry.js';
import {
  valuesOf,
  type BackendOption,
  type BackendOptions,
  type Controls,
  type SweepBackend,
  type Values,
} from './backend.js';
import { BULLMQ } from './bullmq.js';
import { POOL } from './pool.js';
import { SHARD } from './shard.js';
import { SLURM } from './slurm.js';

/**
 * Every back end under the name that `--backend` takes; the first is used where no option chooses another. To add one:
 * a file that defines it and its name here, or {@link registerBackend}.
 */
export const BACKENDS: Record<string, SweepBackend> = { pool: POOL, bullmq: BULLMQ, shard: SHARD, slurm: SLURM };

/**
 * Adds a back end from outside this folder. Throws UsageError when its name, or the name of one of its options, is
 * taken.
 */
export function registerBackend(backend: SweepBackend): void {
  checkMembers('back end', backend, { name: 'string', description: 'string', options: 'object', run: 'function' });
  const { name } = backend;
  // of each command that takes options of back ends
  const groups = (one: SweepBackend): BackendOptions[] => [
    one.options,
    one.control?.options ?? {},
    one.worker?.options ?? {},
  ];
  for (const [i, group] of groups(backend).entries())
    for (const option of Object.keys(group)) {
      const owner = Object.keys(BACKENDS).find((other) => Object.hasOwn(groups(BACKENDS[other]!)[i]!, option));
      if (owner !== undefined && owner !== name)
        throw new UsageError(
          `the back end "${name}" cannot have the option --${option}, which belongs to "${owner}"; expected another name`,
        );
    }
  register('back end', BACKENDS, name, backend);
}

/** What the command line found: `--backend`, and the values of the options of all back ends. */
export interface Given {
  readonly backend?: string | undefined;
  readonly [option: string]: unknown;
}

/**
 * The back end that options choose: the one of `--backend`, else the last in the registry whose selector has a value,
 * so that what was added goes before what is built in and `--shard` before a `$GOWIDE_QUEUE` that happens to be set.
 * Undefined where nothing chooses one. Throws UsageError on an unknown name.
 */
function selected(given: Given): SweepBackend | undefined {
  const name =
    given.backend ??
    Object.keys(BACKENDS).findLast((key) => {
      const selector = BACKENDS[key]!.selector;
      return selector !== undefined && Boolean(given[selector]);
    });
  return name === undefined ? undefined : lookUp('back end', BACKENDS, name);
}

/**
 * The back end that is to run a sweep. Throws UsageError on an unknown name, with the nearest as a suggestion, and on
 * an option of another back end, which would have no effect.
 */
export function backendOf(given: Given): SweepBackend {
  const backend = selected(given) ?? Object.values(BACKENDS)[0]!;
  for (const { name: other, options, selector } of Object.values(BACKENDS)) {
    if (other === backend.name) continue;
    const idle = Object.keys(options).find((option) => isGiven(options[option]!, given[option]));
    if (idle === undefined) continue;
    const choice = selector === undefined ? `--backend ${other}` : `--${selector}`;
    const remedy = idle === selector ? `leave --${idle} out` : `add ${choice}, or leave --${idle} out`;
    throw new UsageError(`--${idle} is of the back end "${other}", and this sweep uses "${backend.name}"; ${remedy}`);
  }
  return backend;
}

/** Whether an option was set to something else than what it is without a flag; an environment variable is no choice. */
function isGiven(option: BackendOption, value: unknown): boolean {
  switch (option.kind) {
    case 'switch':
      return value === true;
    case 'list':
      return ((value as readonly string[] | undefined) ?? []).length > 0;
    case 'text':
      if (option.env !== undefined && value === process.env[option.env]) return false;
      return value !== undefined && value !== option.default;
    case 'whole':
      return value !== undefined && value !== option.default;
  }
}

/** One of the things that can be done to a sweep from outside. */
export type Control = keyof Controls<unknown>;

/** The back ends that have a capability, by name, in the order of the registry. */
function capable<Found>(find: (backend: SweepBackend) => Found | undefined): [string, Found][] {
  return Object.entries(BACKENDS).flatMap(([name, backend]) => {
    const found = find(backend);
    return found === undefined ? [] : [[name, found] as [string, Found]];
  });
}

/**
 * What the back end that options choose can do; without a choice, the first that can. Throws UsageError, with those
 * that can, where the chosen one cannot.
 */
function capability<Found>(given: Given, phrase: string, find: (backend: SweepBackend) => Found | undefined): Found {
  const able = capable(find);
  const chosen = selected(given);
  const found = chosen === undefined ? able[0]?.[1] : find(chosen);
  if (found !== undefined) return found;
  const names = able.map(([name]) => name).join(', ') || 'none';
  throw new UsageError(
    `the back end "${chosen?.name ?? Object.keys(BACKENDS)[0]}" ${phrase}; back ends that can: ${names}`,
  );
}

type ControlsOf = Controls<Values<BackendOptions>>;

/**
 * What does `action` to a sweep, of the back end that options choose. Throws UsageError where that back end cannot,
 * with those that can.
 */
export function controlOf<Action extends Control>(action: Action, given: Given): ControlsOf[Action] {
  return capability<ControlsOf[Action]>(given, `has no "sweep ${action}"`, ({ control }) => {
    const act = control?.actions[action];
    return act && (((values: Values<BackendOptions>) => act(valuesOf(control!.options, values))) as ControlsOf[Action]);
  });
}

/** What a back end has for `action`; undefined where it cannot do it. */
function controlIn(action: Control): (backend: SweepBackend) => BackendOptions | undefined {
  return ({ control }) => (control?.actions[action] === undefined ? undefined : control.options);
}

/** Flags of `gowide sweep <action>`: those of every back end that can do it. */
export function controlOptions(action: Control): BackendOptions {
  return union(controlIn(action));
}

/** Names of the back ends that can do `action` to a sweep. */
export function controlNames(action: Control): string[] {
  return capable(controlIn(action)).map(([name]) => name);
}

type WorkerOf = NonNullable<SweepBackend['worker']>;

/** The worker of the back end that options choose. Throws UsageError where it has none, with those that have one. */
export function workerOf(given: Given): WorkerOf {
  return capability(given, 'has no workers of its own', (backend) => backend.worker);
}

/** Flags of `gowide worker`: those of every back end that has workers. */
export function workerOptions(): BackendOptions {
  return union(({ worker }) => worker?.options);
}

/** Names of the back ends that have workers. */
export function workerNames(): string[] {
  return capable(({ worker }) => worker).map(([name]) => name);
}

/** Flags of `gowide sweep run`: those of every back end. */
export function runOptions(): BackendOptions {
  return union(({ options }) => options);
}

function union(find: (backend: SweepBackend) => BackendOptions | undefined): BackendOptions {
  return Object.fromEntries(capable(find).flatMap(([, options]) => Object.entries(options)));
}
