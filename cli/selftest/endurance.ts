/** A long run: memory and file descriptors stay where they were. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gowide, Running, scaled, type Check, type Measured, type Place } from './check.js';

interface Sample {
  readonly step: number;
  readonly bytes: number;
  readonly descriptors: number;
}

/** Resident memory and open files of a process, from /proc. */
function look(pid: number): Omit<Sample, 'step'> | undefined {
  try {
    const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    return { bytes: resident * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function longRun(place: Place): Promise<Measured> {
  if (process.platform !== 'linux')
    return { pass: undefined, figure: 'not run: memory is read from /proc, which is Linux’' };
  const steps = scaled(200_000, place);
  const printed = gowide(place, ['train', 'resnet', '--arm', 'direct', '--print-config']);
  const spec = JSON.parse(printed.stdout) as { data: { augment?: object }; training: { steps: number; batch: number } };
  const network = { family: 'mlp', inputs: 196, numLayers: 3, width: 32, skip: false, activation: 'relu', classes: 10 };
  const small = {
    ...spec,
    data: { ...spec.data, augment: undefined },
    network,
    training: { ...spec.training, steps, batch: 16 },
  };
  const file = join(place.folder, 'long.json');
  writeFileSync(file, JSON.stringify(small));
  const running = new Running(place, [
    'train',
    'resnet',
    '--config',
    file,
    '--out',
    join(place.folder, 'long'),
    '--jobs',
    '1',
  ]);
  const samples: Sample[] = [];
  let over = false;
  void running.ended.then(() => (over = true));
  while (!over) {
    await Promise.race([running.ended, sleep(250)]);
    const step = Number(/train (\d+)\/\d+[^\n]*\n?$/.exec(running.stderr)?.[1] ?? 0);
    const child = running.pids()[1];
    const seen = child === undefined ? undefined : look(child);
    if (seen !== undefined && step > 0) samples.push({ step, ...seen }); // starting up takes memory, and is no step
  }
  const { status, stderr } = await running.ended;
  const middle = samples.slice(Math.floor(samples.length * 0.3), Math.floor(samples.length * 0.5));
  const last = samples.slice(Math.floor(samples.length * 0.75), Math.floor(samples.length * 0.95));
  if (status !== 0 || middle.length === 0 || last.length === 0)
    return { pass: false, figure: `status ${status}, ${samples.length} looks: ${stderr.slice(-300)}` };
  const [from, to] = [median(middle.map(({ bytes }) => bytes)), median(last.map(({ bytes }) => bytes))];
  const [files, filesLater] = [
    median(middle.map(({ descriptors }) => descriptors)),
    median(last.map(({ descriptors }) => descriptors)),
  ];
  return {
    pass: to / from < 1.05 && filesLater <= files,
    figure: `${steps} steps: ${(from / 2 ** 20).toFixed(0)} MiB at 40 %, ${(to / 2 ** 20).toFixed(0)} MiB at 85 % (${((to / from - 1) * 100).toFixed(1)} %); open files ${files} and ${filesLater}`,
  };
}

export const ENDURANCE: readonly Check[] = [
  { id: 'long-run', what: 'memory within 5 % and open files level over 200,000 steps', run: longRun },
];
