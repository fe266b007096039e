/** The workers of a job step of Slurm, from the variables that `srun` sets for each of its tasks. */
import { plural, UsageError } from '../core/errors.js';
import type { Address } from './address.js';

/** The port of the first task of each node, where none is given. */
export const SLURM_PORT = 29_550;

/** More tasks than any step has: what says so is no list of Slurm's, and would not fit in memory. */
const MOST_TASKS = 1e6;
const MOST = `expected at most ${MOST_TASKS}`;

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The addresses of all tasks of the job step, and which of them this process is. Tasks are placed on the nodes in
 * blocks, as is Slurm's default; those of one node have ports from `port` on. Throws UsageError where a variable is
 * missing, or says something that this cannot read.
 */
export function slurmWorkers(
  variables: Variables,
  port = SLURM_PORT,
): { readonly addresses: readonly Address[]; readonly task: number } {
  const wanted = (...names: readonly string[]): string => {
    const found = names.map((name) => variables[name]).find((value) => value !== undefined && value !== '');
    if (found === undefined)
      throw new UsageError(`--workers slurm: ${names[0]} is not set; expected to be started by srun within a job`);
    return found;
  };
  const tasks = wholeNumber('SLURM_NTASKS', wanted('SLURM_STEP_NUM_TASKS', 'SLURM_NTASKS'));
  const task = wholeNumber('SLURM_PROCID', wanted('SLURM_PROCID'));
  const nodes = expandNodes(wanted('SLURM_STEP_NODELIST', 'SLURM_JOB_NODELIST'));
  const counts = tasksOfNodes(variables.SLURM_STEP_TASKS_PER_NODE ?? variables.SLURM_TASKS_PER_NODE, nodes, tasks);
  const addresses = nodes.flatMap((host, n) =>
    Array.from({ length: counts[n]! }, (_, i): Address => ({ host, port: port + i })),
  );
  if (addresses.length !== tasks)
    throw new UsageError(
      `--workers slurm: ${plural(tasks, 'task')} do not fit ${counts.join(' + ')} on ${plural(nodes.length, 'node')}; ` +
        'expected those of one job step',
    );
  if (tasks < 2) throw new UsageError('--workers slurm: the job step has one task; expected two or more (srun -n 2)');
  if (task >= tasks) throw new UsageError(`--workers slurm: SLURM_PROCID is ${task}, expected 0 to ${tasks - 1}`);
  const last = port + Math.max(...counts) - 1;
  if (port < 1 || last > 65_535)
    throw new UsageError(`--workers slurm:${port}: needs the ports ${port} to ${last}; expected ports from 1 to 65535`);
  const here = variables.SLURMD_NODENAME;
  const mine = addresses[task]!;
  if (here !== undefined && 'host' in mine && mine.host !== here)
    throw new UsageError(
      `--workers slurm: task ${task} is on ${here}, expected on ${mine.host}; start it with srun --distribution=block`,
    );
  return { addresses, task };
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new UsageError(`--workers slurm: ${name} is "${text}"; expected a whole number`);
  return Number(text);
}

/** Names of a node list: `a[01-03,07],b` are a01, a02, a03, a07 and b. Throws UsageError when it is none. */
export function expandNodes(text: string): string[] {
  const parts = text.match(/[^,[\]]+(?:\[[^\]]*\][^,[\]]*)*/g) ?? [];
  const names = parts.flatMap((part) => expand(part));
  if (parts.join(',') !== text || names.length === 0)
    throw new UsageError(`--workers slurm: the node list "${text}" cannot be read; expected a form like n[01-04],m7`);
  return names;
}

function expand(part: string): string[] {
  const [all, before, inside, after] = /^([^[]*)\[([^\]]*)\](.*)$/.exec(part) ?? [];
  if (all === undefined) return [part];
  const rest = expand(after!);
  return inside!.split(',').flatMap((range) => {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
    if (first === undefined) throw new UsageError(`--workers slurm: "${part}" in the node list cannot be read`);
    const count = Number(last ?? first) - Number(first) + 1;
    if (count > MOST_TASKS)
      throw new UsageError(`--workers slurm: "${part}" in the node list are ${count} nodes; ${MOST}`);
    if (count * rest.length > MOST_TASKS)
      throw new UsageError(`--workers slurm: "${part}" in the node list are ${count * rest.length} nodes; ${MOST}`);
    const numbers = Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(first.length, '0'));
    return numbers.flatMap((number) => rest.map((end) => `${before}${number}${end}`));
  });
}

/** Tasks of each node: `2(x3),1` are 2, 2, 2 and 1. Without such a text they are spread evenly. */
function tasksOfNodes(text: string | undefined, nodes: readonly string[], tasks: number): number[] {
  if (text === undefined)
    return nodes.map((_, n) => Math.floor(tasks / nodes.length) + (n < tasks % nodes.length ? 1 : 0));
  const counts = text.split(',').flatMap((part) => {
    const [, count, times] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    if (count === undefined)
      throw new UsageError(`--workers slurm: SLURM_TASKS_PER_NODE is "${text}"; expected a form like 2(x3),1`);
    if (Number(count) * Number(times ?? 1) > MOST_TASKS)
      throw new UsageError(`--workers slurm: SLURM_TASKS_PER_NODE is "${text}"; ${MOST}`);
    return Array.from({ length: Number(times ?? 1) }, () => Number(count));
  });
  if (counts.length !== nodes.length)
    throw new UsageError(
      `--workers slurm: "${text}" are the tasks of ${plural(counts.length, 'node')}, not of ${nodes.length}`,
    );
  return counts;
}
