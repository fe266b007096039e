/**
 * A sweep as an array job of Slurm: each task runs its part of the cells, leaves before its time is up, and goes on
 * when it is queued again.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError, plural, UsageError } from '../../core/errors.js';
import { shellWord } from '../../core/shell.js';
import { makeFolder, writeAtomic } from '../../store/atomic.js';
import { readText } from '../../store/config.js';
import { sha256 } from '../../store/seal.js';
import { defineBackend } from './backend.js';
import { MOST_PARTS } from './shard.js';

/** What the script of an array job depends on. */
export interface SlurmOptions {
  /** The store, on a disk that every node sees. */
  readonly out: string;
  readonly tasks: number;
  /** Time limit of a task, minutes. */
  readonly minutes: number;
  readonly cpus: number;
  /** Threads of each process that runs cells. */
  readonly threads: number;
  readonly gpus: number;
  readonly memoryGiB: number | undefined;
  readonly partition: string | undefined;
  /** More lines for sbatch, such as `--account=x`. */
  readonly extra: readonly string[];
  /** Words of the command of one task, not yet quoted and without `--shard`. */
  readonly command: readonly string[];
}

/** Seconds before the limit at which a task is told to save. */
const GRACE_SECONDS = 90;
/** How often a task may be queued again, so that one that never gets anywhere ends some day. */
const MAX_RESTARTS = 100;

/** A value in the form in which sbatch reads it from a comment of the script. */
const inQuotes = (text: string): string => (/\s/.test(text) ? `"${text}"` : text);

/**
 * The script of the array job. It may be requeued at any time: finished cells are not run again, and unfinished ones go
 * on from their saved states. Throws UsageError on a name or an option that no line of it could hold.
 */
export function slurmScript(options: SlurmOptions): string {
  checkOptions(options);
  const { out, tasks, minutes, cpus, threads, gpus, memoryGiB, partition, extra, command } = options;
  const lines = [
    '--job-name=gowide',
    `--array=1-${tasks}`,
    `--output=${inQuotes(join(out, 'slurm', '%A_%a.log'))}`,
    '--open-mode=append',
    '--requeue',
    `--signal=B:TERM@${GRACE_SECONDS}`,
    `--time=${minutes}`,
    '--nodes=1',
    '--ntasks=1',
    `--cpus-per-task=${cpus}`,
    ...(gpus > 0 ? [`--gpus=${gpus}`] : []),
    ...(memoryGiB === undefined ? [] : [`--mem=${memoryGiB}G`]),
    ...(partition === undefined ? [] : [`--partition=${partition}`]),
    ...extra,
  ];
  return `#!/bin/bash
${lines.map((line) => `#SBATCH ${line}`).join('\n')}
# Written by gowide sweep --slurm. What is finished is not done again: this may be submitted, stopped and queued again at will.
set -u
export GOWIDE_THREADS="\${GOWIDE_THREADS:-${threads}}"
${command.map(shellWord).join(' ')} --shard "$SLURM_ARRAY_TASK_ID/${tasks}" &
work=$!
stopped=0
# ${GRACE_SECONDS} seconds before the limit, or when the job is preempted: save and leave
trap 'stopped=1; kill -TERM "$work" 2>/dev/null' TERM
wait "$work"; status=$?
# a trap ends the first wait
while kill -0 "$work" 2>/dev/null; do wait "$work"; status=$?; done
if [ "$stopped" = 1 ] && [ "$status" -ne 0 ] && [ "\${SLURM_RESTART_COUNT:-0}" -lt ${MAX_RESTARTS} ]; then
  echo "saved; queued again"
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}"
  exit 0
fi
exit "$status"
`;
}

/**
 * Writes the script into `<out>/slurm`, under a name of its own by its content, so that those of other sweeps stay, and
 * returns the path. Throws UsageError where a script of that name was edited since.
 */
export function writeSlurm(options: SlurmOptions): string {
  const script = slurmScript(options);
  const folder = join(options.out, 'slurm');
  makeFolder(folder);
  const path = join(folder, `sweep-${sha256(script).slice(0, 12)}.sh`);
  if (!existsSync(path)) writeAtomic(path, script);
  else if (readText(path) !== script)
    throw new UsageError(
      `${path}: it was edited since it was written for this sweep, and would be written over; ` +
        'submit it by sbatch as it is, or remove it',
    );
  return path;
}

/** Submits the script at a path and returns the id of the job. Throws FailureError with what sbatch said. */
function submitSlurm(script: string): string {
  const { status, stdout, stderr, error } = spawnSync('sbatch', ['--parsable', script], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (error !== undefined)
    throw new FailureError(
      `sbatch cannot be run (${error.message}); the script is ${script}: submit it where Slurm is`,
    );
  if (status !== 0) throw new FailureError(`sbatch refused ${script}: ${stderr.trim()}`);
  return stdout.trim().split(';')[0]!;
}

/** Throws UsageError on what would not be an option, or the value of one, in a line of the script. */
function checkOptions({ out, partition, extra }: Pick<SlurmOptions, 'out' | 'partition' | 'extra'>): void {
  const wrong = extra.find((option) => !/^--?[A-Za-z][^\r\n]*$/.test(option));
  if (wrong !== undefined)
    throw new UsageError(
      `--sbatch ${JSON.stringify(wrong)}: expected an option of sbatch, which begins with "-", on one line, as ` +
        '--sbatch=--account=x',
    );
  if (partition !== undefined && !/^[^\s"'\\]+$/.test(partition))
    throw new UsageError(
      `--partition ${JSON.stringify(partition)}: expected the name of a partition, or several with commas between ` +
        'them, without white space or quotes',
    );
  if (/[\r\n"]/.test(out))
    throw new UsageError(
      `--out ${JSON.stringify(out)}: expected a path on one line without quotes, which a script of Slurm can name`,
    );
}

/** An array job of Slurm whose tasks run the parts of the sweep that {@link SHARD} makes. */
export const SLURM = defineBackend({
  name: 'slurm',
  description: 'an array job of Slurm, whose tasks leave before their time is up and are queued again',
  options: {
    slurm: { kind: 'switch', description: 'submit an array job; --out has to be on a disk that every node sees' },
    script: { kind: 'switch', description: 'with --slurm: write the script and do not submit it' },
    tasks: {
      kind: 'whole',
      argument: 'n',
      description: 'with --slurm: tasks of the array',
      least: 1,
      most: MOST_PARTS,
      default: 8,
    },
    time: {
      kind: 'whole',
      argument: 'minutes',
      description: 'with --slurm: time limit of a task; it saves, leaves and is queued again before',
      least: 3,
      default: 60,
    },
    cpus: { kind: 'whole', argument: 'n', description: 'with --slurm: cores of a task', least: 1, default: 2 },
    gpus: { kind: 'whole', argument: 'n', description: 'with --slurm: GPUs of a task', least: 0, default: 0 },
    memory: { kind: 'whole', argument: 'GiB', description: 'with --slurm: memory of a task', least: 1 },
    partition: { kind: 'text', argument: 'name', description: 'with --slurm' },
    sbatch: {
      kind: 'list',
      argument: 'option',
      description: 'with --slurm: another option for sbatch, as --sbatch=--account=x (repeatable)',
    },
  },
  selector: 'slurm',
  run: ({ cells, out, jobs, command }, { script, tasks, time, cpus, gpus, memory, partition, sbatch }) => {
    const atOnce = Math.min(jobs, cpus);
    const path = writeSlurm({
      out,
      tasks,
      minutes: time,
      cpus,
      threads: Math.max(1, Math.floor(cpus / atOnce)),
      gpus,
      memoryGiB: memory,
      partition,
      extra: sbatch,
      command: command(atOnce),
    });
    const job = script ? null : submitSlurm(path);
    const submitted =
      job === null
        ? ''
        : `job ${job}: ${plural(tasks, 'task')} for ${plural(cells.length, 'cell')}; see: squeue --job ${job}\n`;
    return Promise.resolve({
      state: 'submitted',
      data: { script: path, job, cells: cells.length, tasks },
      text: `${submitted}${path}`,
    });
  },
});
