/** A Slurm of one node for tests, from Debian's packages where they are installed; it leaves nothing behind. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const has = (command: string): boolean =>
  spawnSync('sh', ['-c', `command -v ${command}`], { timeout: 20_000, killSignal: 'SIGKILL' }).status === 0;

/** Why there is none here; undefined when one can be started. */
export function whyNoSlurm(): string | undefined {
  const missing = ['slurmctld', 'slurmd', 'sbatch', 'munged'].filter((command) => !has(command));
  if (missing.length > 0) return `${missing.join(', ')} not installed (Debian: slurm-wlm, munge)`;
  return process.getuid?.() === 0 ? undefined : 'slurmd has to be started by root';
}

export class SlurmNode {
  private readonly processes: ChildProcess[] = [];
  readonly env: NodeJS.ProcessEnv;

  constructor(private readonly folder: string) {
    this.env = { ...process.env, SLURM_CONF: join(folder, 'slurm.conf') };
  }

  /** Throws when no node is ready within a minute. */
  async start(): Promise<void> {
    for (const name of ['state', 'spool']) mkdirSync(join(this.folder, name), { recursive: true });
    const [key, socket] = [join(this.folder, 'munge.key'), join(this.folder, 'munge.socket')];
    writeFileSync(key, Buffer.alloc(128, 7), { mode: 0o400 });
    chmodSync(this.folder, 0o755);
    this.run('munged', [
      '--foreground',
      '--force',
      `--key-file=${key}`,
      `--socket=${socket}`,
      `--pid-file=${join(this.folder, 'munge.pid')}`,
      `--log-file=${join(this.folder, 'munge.log')}`,
      `--seed-file=${join(this.folder, 'munge.seed')}`,
    ]);
    const node = hostname().split('.')[0]!;
    writeFileSync(
      this.env.SLURM_CONF!,
      [
        'ClusterName=test',
        `SlurmctldHost=${node}(127.0.0.1)`,
        'SlurmctldPort=16817',
        'SlurmdPort=16818',
        'SlurmUser=root',
        'AuthType=auth/munge',
        `AuthInfo=socket=${socket}`,
        `StateSaveLocation=${join(this.folder, 'state')}`,
        `SlurmdSpoolDir=${join(this.folder, 'spool')}`,
        `SlurmctldPidFile=${join(this.folder, 'ctld.pid')}`,
        `SlurmdPidFile=${join(this.folder, 'd.pid')}`,
        'ProctrackType=proctrack/pgid',
        'TaskPlugin=task/none',
        'SelectType=select/cons_tres',
        'SchedulerType=sched/backfill',
        'ReturnToService=2',
        'KillWait=5',
        'MailProg=/bin/true',
        `NodeName=${node} NodeAddr=127.0.0.1 CPUs=${availableParallelism()} State=UNKNOWN`,
        `PartitionName=main Nodes=${node} Default=YES MaxTime=INFINITE State=UP`,
        '',
      ].join('\n'),
    );
    for (let k = 0; k < 300 && !existsSync(socket); k++) await sleep(100);
    this.run('slurmctld', ['-D', '-c']);
    this.run('slurmd', ['-D', '-N', node]);
    for (let k = 0; ; k++) {
      if (this.ask('sinfo', ['-h', '-o', '%T']).trim() === 'idle') return;
      if (k > 120) throw new Error(`no Slurm: ${this.ask('sinfo', [])}`);
      await sleep(500);
    }
  }

  ask(command: string, args: readonly string[]): string {
    const { stdout, stderr } = spawnSync(command, args, {
      env: this.env,
      encoding: 'utf8',
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    return stdout + stderr;
  }

  /** Waits until the queue is empty. */
  async drained(seconds: number): Promise<void> {
    for (let k = 0; this.ask('squeue', ['-h']).trim() !== ''; k++) {
      if (k > seconds * 2) throw new Error(`still in the queue: ${this.ask('squeue', [])}`);
      await sleep(500);
    }
  }

  stop(): void {
    this.processes.reverse().forEach((child) => child.kill('SIGKILL'));
  }

  private run(command: string, args: readonly string[]): void {
    this.processes.push(
      spawn(command, args, { env: this.env, stdio: 'ignore', timeout: 600_000, killSignal: 'SIGKILL' }),
    );
  }
}
