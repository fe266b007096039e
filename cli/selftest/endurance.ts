/** A long run: memory and file descriptors stay where they were. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mean, smallest } from '../../src/core/stats.js';
import { gowide, Running, scaled, type Check, type Measured, type Place } from './check.js';

interface Sample {
  /** Steps made by then, as if each took as long as the others: the program tells them only now and then. */
  readonly step: number;
  readonly bytes: number;
  readonly descriptors: number;
}

/** Resident memory and open files of a process, from /proc. */
function look(pid: number): Omit<Sample, 'step'> | undefined {
  try {
    const resident = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    if (!(resident > 0)) return undefined; // it is on its way out
    return { bytes: resident * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
  } catch {
    return undefined;
  }
}

/** Blocks that the later part of a run is divided into, and the 97.5 % point of Student's t with two fewer. */
const [BLOCKS, STUDENT] = [12, 2.228];

/** Bytes a step beyond which memory grows: a row of metrics that is kept somewhere takes at least as much. */
const LEAK = 1000;

/** Limit of the shorter form, which a leak of 2 kB a row still exceeds. */
const SHORT_LEAK = 2500;

/** With fewer steps memory that is still filling up cannot be told from a leak. */
const FEWEST = 20_000;

/** Steps of the whole form: a few minutes on each engine. */
const STEPS = { tensorflow: 400_000, wasm: 1_000_000 } as const;

/**
 * Milliseconds between two looks: short enough for {@link FEWEST} steps on a fast machine. A look costs a tenth of a
 * millisecond once the process is known.
 */
const LOOK_EVERY = 20;

interface Growth {
  /** Bytes a step, and half the width of its 95 % interval. */
  readonly slope: number;
  readonly within: number;
}

/**
 * How memory grows with the steps: a line through the least of each block, as the most of it is what was not collected
 * yet. Undefined where a block has no sample.
 */
function growthOf(samples: readonly Sample[], from: number, to: number): Growth | undefined {
  const width = (to - from) / BLOCKS;
  const points = Array.from({ length: BLOCKS }, (_, k) => {
    const own = samples.filter(({ step }) => step >= from + k * width && step < from + (k + 1) * width);
    return { x: from + (k + 0.5) * width, y: smallest(own.map(({ bytes }) => bytes)) };
  });
  if (points.some(({ y }) => y === Infinity)) return undefined;
  const [x, y] = [mean(points.map((point) => point.x)), mean(points.map((point) => point.y))];
  const spread = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  const slope = points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0) / spread;
  const rest = points.reduce((sum, point) => sum + (point.y - y - slope * (point.x - x)) ** 2, 0);
  return { slope, within: STUDENT * Math.sqrt(rest / (BLOCKS - 2) / spread) };
}

async function longRun(place: Place, engine: keyof typeof STEPS): Promise<Measured> {
  if (process.platform !== 'linux')
    return { pass: undefined, figure: 'not run: memory is read from /proc, which is Linux’' };
  const steps = scaled(STEPS[engine], place);
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
  const args = ['train', 'resnet', '--config', file, '--out', join(place.folder, 'long'), '--jobs', '1'];
  const running = new Running(place, args, { GOWIDE_ENGINE: engine });
  const seen: { readonly at: number; readonly bytes: number; readonly descriptors: number }[] = [];
  let over = false;
  void running.ended.then(() => (over = true));
  // starting up takes memory, and is no step
  while (!over && !/ train \d+\/\d+/.test(running.stderr)) await Promise.race([running.ended, sleep(LOOK_EVERY)]);
  let child: number | undefined;
  for (; !over; await Promise.race([running.ended, sleep(LOOK_EVERY)])) {
    child ??= running.pids()[1];
    const found = child === undefined ? undefined : look(child);
    if (found !== undefined) seen.push({ at: performance.now(), ...found });
  }
  const { status, stderr } = await running.ended;
  const [first, last] = [seen[0]?.at ?? 0, seen.at(-1)?.at ?? 0];
  const samples = seen.map(({ at, ...found }) => ({ step: (steps * (at - first)) / (last - first), ...found }));
  if (status === 2 && samples.length === 0)
    return { pass: undefined, figure: `not run: ${stderr.trim().split('\n').at(-1) ?? ''}` };
  const growth = growthOf(samples, 0.4 * steps, 0.98 * steps);
  if (status !== 0) return { pass: false, figure: `status ${status}: ${stderr.slice(-300)}` };
  if (growth === undefined)
    return {
      // a run of the short form may be over before every block was looked at, but not before any was
      pass: place.share === 1 || samples.length < BLOCKS ? false : undefined,
      figure: `${samples.length} looks in ${steps} steps, too few to tell`,
    };
  const late = samples.filter(({ step }) => step >= 0.4 * steps);
  // the least of each half: a look may meet a file that is being written
  const files = [late.slice(0, late.length / 2), late.slice(late.length / 2)].map((half) =>
    smallest(half.map(({ descriptors }) => descriptors)),
  ) as [number, number];
  const { slope, within } = growth;
  // In a few seconds rows wait in memory to be saved, and garbage to be collected, which grows as a leak does.
  const limit = place.share === 1 ? LEAK : SHORT_LEAK;
  const [none, sure] = [slope + within < limit, slope - within > limit && steps >= FEWEST];
  const level = files[1] <= files[0];
  return {
    pass: none || sure || !level || place.share === 1 ? none && level : undefined,
    figure:
      `${steps} steps, ${(late.at(-1)!.bytes / 2 ** 20).toFixed(0)} MiB at the end: ${slope.toFixed(0)} ± ` +
      `${within.toFixed(0)} bytes a step (95 %; less than ${limit} are no leak); open files ${files.join(' and ')}`,
  };
}

/** The checks of memory and open files over many training steps, one for each engine. */
export const ENDURANCE: readonly Check[] = (['tensorflow', 'wasm'] as const).map((engine) => ({
  id: `long-${engine}`,
  what: `memory does not grow with steps, and open files stay level, over ${STEPS[engine]} steps on ${engine}`,
  run: (place) => longRun(place, engine),
}));
