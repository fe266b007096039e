/** sbatch and scontrol where Slurm is absent: tasks of an array job are processes of this machine. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Starts a task in the background, with a time limit, and notes its process, its beginning and its end. */
const START = `start() {
  echo >> "$SLURM_STATE/begun"
  ( sh -c 'echo $$ >> "$SLURM_STATE/pids"; exec timeout --foreground 120 bash "$0"' "$SLURM_SCRIPT" >> "$SLURM_STATE/log" 2>&1
    echo >> "$SLURM_STATE/ended" ) > /dev/null 2>&1 &
}`;
const COMMANDS = {
  sbatch: `export SLURM_SCRIPT="$2" SLURM_ARRAY_JOB_ID=7
for task in $(seq "$(sed -n 's/^#SBATCH --array=1-//p' "$2")"); do
  export SLURM_ARRAY_TASK_ID="$task"
  start
done
echo 7`,
  scontrol: `export SLURM_RESTART_COUNT=$(( \${SLURM_RESTART_COUNT:-0} + 1 ))
echo "$@" >> "$SLURM_STATE/requeued"
start`,
} as const;

/** A cluster of one machine. While it is open, sbatch and scontrol on the PATH of this process are its own. */
export class SlurmStandIn {
  private readonly path = process.env.PATH;

  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(COMMANDS)) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${START}\n${text}\n`);
      chmodSync(join(folder, name), 0o755);
    }
    process.env.PATH = `${folder}:${this.path}`;
    process.env.SLURM_STATE = folder;
  }

  /** Lines of one of the files that the commands write: `begun`, `ended`, `pids`, `requeued` or `log`. */
  lines(name: string): string[] {
    const path = join(this.folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : [];
  }

  /** Tells every task that its time is up, as Slurm does before the limit. */
  timeUp(): void {
    for (const pid of this.lines('pids'))
      try {
        process.kill(Number(pid), 'SIGTERM');
      } catch {
        // that task has ended
      }
  }

  /** Waits until no task is left, the requeued ones included. Throws after two minutes, with what the tasks said. */
  async drained(): Promise<void> {
    for (const from = performance.now(); this.lines('ended').length < this.lines('begun').length; await sleep(50))
      if (performance.now() - from > 120_000) throw new Error(`tasks do not end: ${this.lines('log').join('\n')}`);
  }

  async close(): Promise<void> {
    this.timeUp();
    await this.drained();
    process.env.PATH = this.path;
    delete process.env.SLURM_STATE;
  }
}
