/** Sets an engine up for several processes that will each open it: what it lacks is installed once, before them. */
import { InterruptedError, messageOf } from '../../core/errors.js';
import type { Device } from '../../toolchain/nvidia.js';
import type { InstallOptions } from '../install/install.js';
import { ENGINES, enginesByRank, type EngineChoice, type EngineName } from './choose.js';
import type { EngineDefinition } from './engine.js';
import { probeEngine } from './probe.js';

/** What the user is told while an engine is set up. */
export interface PrepareOptions {
  readonly notice: (line: string) => void;
  readonly report: NonNullable<InstallOptions['report']>;
  /** Called after an install, when its progress is over. */
  readonly onInstalled: () => void;
  /** The registry. */
  readonly engines?: Readonly<Record<EngineName, EngineDefinition>>;
  /** Starts an engine once in a process of its own, which builds what several processes would build at once. */
  readonly probe?: (name: EngineName) => Promise<unknown>;
}

/** The choice of somebody who has named an engine, or `auto`. */
export function askedFor(name: EngineName | 'auto'): EngineChoice {
  return { name, why: 'it was asked for' };
}

/** Tells of the engines that would be faster than the one that was asked for, and can be installed. */
function noticeFaster(name: EngineName, { notice, engines = ENGINES }: PrepareOptions): void {
  for (const { name: faster, definition, readiness } of enginesByRank(engines)) {
    if (faster === name) return;
    if (definition.install === undefined) continue;
    const how =
      readiness.state === 'ready' ? `installed but not used: ${name} was asked for` : `missing: ${readiness.reason}`;
    notice(`The faster engine, ${faster}, is ${how}`);
  }
}

/**
 * Makes sure that workers find the engine they will open: an install that it needs and that is missing is made now;
 * with `auto`, that of the fastest engine that can be installed. Returns the engine that the workers are to open.
 */
export async function prepareEngine(name: EngineName | 'auto', options: PrepareOptions): Promise<EngineChoice> {
  const { notice, report, onInstalled, engines = ENGINES, probe = probeEngine } = options;
  if (name !== 'auto' && engines[name].install === undefined) {
    noticeFaster(name, options);
    return askedFor(name);
  }
  const ranked = enginesByRank(engines);
  for (const { name: one, definition, readiness } of ranked) {
    if (definition.install === undefined || (name !== 'auto' && name !== one)) continue;
    if (readiness.state === 'ready') return askedFor(name);
    if (name === 'auto' && readiness.state === 'impossible') {
      notice(`The faster engine, ${one}, is missing: ${readiness.reason}`);
      continue;
    }
    try {
      await definition.install({ report, missing: (reason) => notice(`An addon is missing: ${reason}`) });
      await probe(one);
      onInstalled();
      return askedFor(name);
    } catch (error) {
      if (name !== 'auto' || error instanceof InterruptedError) throw error;
      notice(`The faster engine is missing: ${messageOf(error)}`);
    }
  }
  // where one is left, workers need not look again, each for itself
  const [first, ...others] = ranked.filter(({ readiness }) => readiness.state === 'ready');
  return first === undefined || others.length > 0
    ? askedFor(name)
    : { name: first.name, why: first.definition.auto.why };
}

/** The engine that will be opened, as far as that can be told before it is set up. */
export function expectedEngine(name: EngineName | 'auto', engines = ENGINES): EngineName {
  if (name !== 'auto') return name;
  const ranked = enginesByRank<EngineName>(engines);
  return (ranked.find(({ readiness }) => readiness.state !== 'impossible') ?? ranked.at(-1)!).name;
}

/** The GPUs of the engine that workers will open, where each of them takes one. */
export function devicesOf({ name }: EngineChoice, engines = ENGINES): Device[] {
  const ready = enginesByRank<EngineName>(engines).filter(({ readiness }) => readiness.state === 'ready');
  const opened = name === 'auto' ? ready[0]?.name : name;
  return opened === undefined ? [] : ((engines[opened] as EngineDefinition).devices?.() ?? []);
}
