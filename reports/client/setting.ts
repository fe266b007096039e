/** Settings of the laboratory: their dials, presets, addresses and commands, and what was found in words. */
import { FIXED, SADDLE, saddleWidths, widthsBelow, type Model, type Point, type Setting } from './experiment.js';

/** A slider of the laboratory, and what it sets. */
export interface Dial {
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly start: number;
  /** Whether a position of the slider is the exponent of a power of two. */
  readonly power?: true;
}

/** A part of a setting that is a number. */
export type DialName = Exclude<keyof Setting, 'model'>;
type Dials = Readonly<Partial<Record<DialName, Dial>>>;

/** Parts of a setting that a model does not use have this value. */
const UNUSED = 0;

/** The highest position that a slider may have beside the others, and why. */
interface Bound {
  readonly high: number;
  readonly why: string;
}

/** What is known of a model beside how it is simulated. */
interface ModelWords {
  /** Every part of a setting that the model uses, in the order in which the page shows them. */
  readonly dials: Dials;
  /** The highest positions of sliders that other parts of a setting bound, and why; none bounds another in a circle. */
  readonly bounds?: (setting: Setting) => Readonly<Partial<Record<DialName, Bound>>>;
  /** Why a point cannot be measured, and what lets it be. */
  readonly exploded: readonly [why: string, helps: string];
  /** Thin widths at which D(m) is measured, and how they are written. */
  readonly widths: (setting: Setting) => number[];
  readonly widthLabel: (m: number) => string;
  /** The study that measures D(m) of a setting, and its declaration. */
  readonly study: string;
  readonly declaration: (setting: Setting) => Readonly<Record<string, unknown>>;
  /** What points show, in sentences. */
  readonly says: (setting: Setting, points: readonly Point[]) => string[];
}

/** The slope of log y against log x by least squares. */
function exponent(points: readonly { readonly x: number; readonly y: number }[]): number {
  const logs = points.map(({ x, y }) => [Math.log(x), Math.log(y)] as const);
  const [mx, my] = [0, 1].map((i) => logs.reduce((sum, log) => sum + log[i]!, 0) / logs.length) as [number, number];
  const [above, below] = logs.reduce(
    ([a, b], [x, y]) => [a + (x - mx) * (y - my), b + (x - mx) ** 2] as [number, number],
    [0, 0] as [number, number],
  );
  return above / below;
}

type Column = Exclude<keyof Point, 'law' | 'x'>;

/** The points of one law, by one of their columns. */
function columnOf(points: readonly Point[], law: Point['law'], column: Column): { x: number; y: number }[] {
  return points.flatMap((point) => {
    const y = point[column];
    return point.law === law && y !== undefined ? [{ x: point.x, y }] : [];
  });
}

/** The point at a setting's own width and depth. */
function pointHere({ m, depth }: Setting, points: readonly Point[]): Point | undefined {
  return (
    points.find(({ law, x }) => law === 'D(m)' && x === m) ?? points.find(({ law, x }) => law === 'D(L)' && x === depth)
  );
}

const timesText = (ratio: number): string => (ratio < 1e4 ? ratio.toFixed(ratio < 10 ? 1 : 0) : ratio.toExponential(0));

function particlesSay(setting: Setting, points: readonly Point[]): string[] {
  const here = pointHere(setting, points);
  if (here?.imitation === undefined) return [];
  const [near, far] =
    here.imitation < here.direct ? ['imitation', 'direct training'] : ['direct training', 'imitation'];
  const ratio = Math.max(here.imitation, here.direct) / Math.min(here.imitation, here.direct);
  const said = [
    `At m = ${setting.m} and L = ${setting.depth} ${near} ends ${timesText(ratio)} times as near to the wide ` +
      `net as ${far}.`,
  ];
  if (here.chosen !== undefined && here.sampled !== undefined) {
    const gain = here.sampled / here.chosen;
    const [better, worse] = gain > 1 ? ['chosen by herding', 'drawn'] : ['drawn', 'chosen by herding'];
    said.push(
      `Before any training, particles that are ${better} are ${timesText(Math.max(gain, 1 / gain))} times as near ` +
        `to it as those ${worse}.`,
    );
  }
  if (columnOf(points, 'D(m)', 'direct').length > 2) {
    const [imitation, direct, chosen] = (['imitation', 'direct', 'chosen'] as const).map((column) =>
      exponent(columnOf(points, 'D(m)', column)).toFixed(2),
    ) as [string, string, string];
    said.push(
      `D falls with m to the power ${imitation} under imitation, ${direct} under direct training, ` +
        `${chosen} for chosen particles (one seed; the law says −1/2 of the first two).`,
    );
  }
  const sums = columnOf(points, 'D(L)', 'bound');
  if (sums.length > 2)
    said.push(
      `The telescoped sum grows with L to the power ${exponent(sums).toFixed(2)} (the bound: at most 1 with a skip).`,
    );
  return said;
}

function saddleSays(setting: Setting, points: readonly Point[]): string[] {
  const here = pointHere(setting, points);
  if (here?.sampled === undefined) return [];
  const said = [
    `At L = ${setting.depth} direct training carries the thin net ${timesText(here.direct / here.sampled)} times ` +
      'as far from the wide one as its particles began.',
  ];
  const logs = columnOf(points, 'D(L)', 'direct').map(({ y }) => Math.log(y));
  if (logs.length > 3) {
    const growth = logs.slice(1).map((log, i) => log - logs[i]!);
    const [before, last] = [growth.at(-3)!, growth.at(-1)!];
    const faster = before > 0 && last > 1.2 * before;
    said.push(
      `log D grows by ${growth.at(-1)!.toFixed(2)} with the last layer and by ${before.toFixed(2)} two ` +
        'layers before: ' +
        `${faster ? 'faster than exponentially, as exp of an exponential' : 'about exponentially, or slower'}.`,
    );
  }
  return said;
}

const powerOf = (m: number): string =>
  `2${String(Math.round(Math.log2(m))).replace(/\d/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]!)}`;

/** The models by their names, which stand in the page's address. */
export const MODELS: Readonly<Record<Model, ModelWords>> = {
  particles: {
    dials: {
      depth: { label: 'depth L', low: 1, high: 12, step: 1, start: 6 },
      m: { label: 'thin width m', low: 3, high: 8, step: 1, start: 5, power: true },
      wide: { label: 'wide width M', low: 7, high: 11, step: 1, start: 9, power: true },
      alpha: { label: 'skip weight α', low: 0, high: 1.2, step: 0.1, start: 1 },
      c: { label: 'scale c', low: 0.2, high: 4, step: 0.2, start: 1 },
      rho: { label: 'correlation ρ', low: 0, high: 1, step: 0.1, start: 0.9 },
      time: { label: 'flow time T', low: 0.2, high: 5, step: 0.2, start: 1 },
      seed: { label: 'seed', low: 1, high: 99, step: 1, start: 1 },
    },
    // thin nets are drawn from the wide one's particles: all of them would be the wide net again
    bounds: ({ wide }) => ({ m: { high: Math.log2(wide) - 1, why: 'less than M' } }),
    exploded: [`Euler’s steps of ${FIXED.dt} exploded`, 'A shorter time T or a smaller scale c'],
    widths: ({ wide }) => widthsBelow(wide),
    widthLabel: String,
    study: 'width',
    declaration: ({ depth, wide, alpha, c, rho, time }) => ({
      ...{ study: 'width', regime: 'laboratory', depth, wide, widths: widthsBelow(wide), alpha, c, rho },
      ...FIXED,
      ...{ time, imitationTime: time, draws: 1 },
    }),
    says: particlesSay,
  },
  saddle: {
    dials: {
      depth: { label: 'depth L', low: 1, high: 10, step: 1, start: 10 },
      m: { label: 'thin width m', low: 8, high: 40, step: 8, start: 40, power: true },
      alpha: { label: 'skip g', low: 0.8, high: 1.4, step: 0.1, start: 1.3 },
      c: { label: 'target κ', low: 2, high: 6, step: 0.5, start: 4 },
      time: { label: 'flow time T', low: -9, high: -1, step: 1, start: -8, power: true },
      seed: { label: 'seed', low: 1, high: 99, step: 1, start: 1 },
    },
    exploded: ['direct training left the numbers of float64', 'A shorter time T or a smaller target κ'],
    widths: saddleWidths,
    widthLabel: powerOf,
    study: 'saddle',
    declaration: ({ depth, m, alpha, c, time }) => ({
      ...{ study: 'saddle', g: alpha, kappa: c, time, steps: SADDLE.steps },
      depths: Array.from({ length: Math.max(2, depth) }, (_, i) => i + 1),
      ...{ m, draws: SADDLE.draws, particles: 256 },
    }),
    says: saddleSays,
  },
};

const MODEL_NAMES = Object.keys(MODELS) as Model[];
const NAMES = ['depth', 'm', 'wide', 'alpha', 'c', 'rho', 'time', 'seed'] as const satisfies readonly DialName[];

/** The dials of a model by the parts of a setting that they stand for. */
export function dialsOf(model: Model): (readonly [DialName, Dial])[] {
  return Object.entries(MODELS[model].dials) as [DialName, Dial][];
}

/** The value at a position of a slider. */
export function valueAt({ power }: Dial, position: number): number {
  return power === true ? 2 ** position : Math.round(position * 10) / 10;
}

/** The position of a slider that is nearest to a value: one of its steps, within its ends. */
export function positionOf({ power, low, high, step }: Dial, value: number): number {
  const position = power === true ? Math.log2(Math.max(value, Number.MIN_VALUE)) : value;
  const held = Math.min(high, Math.max(low, position));
  return Math.min(high, low + Math.round((held - low) / step) * step);
}

/** What bounds a slider beside the other parts of a setting; undefined where its own ends are nearer. */
export function boundOf(setting: Setting, name: DialName): Bound | undefined {
  const { dials, bounds } = MODELS[setting.model];
  const bound = bounds?.(setting)[name];
  return bound !== undefined && bound.high < dials[name]!.high ? bound : undefined;
}

/** The setting nearest to one that can be simulated: what others bound is lowered. */
export function fitted(setting: Setting): Setting {
  const lowered = dialsOf(setting.model).map(([name, dial]) => {
    const high = boundOf(setting, name)?.high ?? dial.high;
    return [name, Math.min(setting[name], valueAt(dial, high))] as const;
  });
  return { ...setting, ...(Object.fromEntries(lowered) as Partial<Setting>) };
}

/** The setting at which a model starts, and to which it is reset. */
export function startOf(model: Model): Setting {
  const { dials } = MODELS[model];
  const value = (dial: Dial | undefined): number => (dial === undefined ? UNUSED : valueAt(dial, dial.start));
  const numbers = NAMES.map((name) => [name, value(dials[name])]);
  return { model, ...(Object.fromEntries(numbers) as Record<DialName, number>) };
}

/** The setting at which the laboratory starts. */
export const START = startOf('particles');

/** Settings that show something, by what they show. */
export const PRESETS: Readonly<Record<string, Setting>> = {
  'no skip, c = 3: imitation wins': { ...START, alpha: 0, c: 3, time: 2 },
  'skip: direct training is closer here': START,
  'two-mode saddle: double exponential': startOf('saddle'),
  'selection beats sampling': { ...START, depth: 4, m: 64 },
};

/**
 * The part of the page's address that stands for a setting, after `#laboratory`: the model where it is not the first,
 * and what differs from its start.
 */
export function addressOf(setting: Setting): string {
  const start = startOf(setting.model);
  const parts = [
    ...(setting.model === START.model ? [] : [setting.model]),
    ...NAMES.filter((name) => setting[name] !== start[name]).map((name) => `${name}=${setting[name]}`),
  ];
  return parts.length === 0 ? '#laboratory' : `#laboratory:${parts.join(',')}`;
}

/**
 * The setting of an address; undefined where it is of none. What is no number of a dial is left at the start, and what
 * cannot be simulated is brought to the nearest that can.
 */
export function settingAt(hash: string): Setting | undefined {
  const [found, parts = ''] = /^#laboratory(?::(.*))?$/.exec(hash) ?? [];
  if (found === undefined) return undefined;
  const given = new Map(parts.split(',').map((part) => part.split('=', 2) as [string, string | undefined]));
  const start = startOf(MODEL_NAMES.find((name) => given.has(name)) ?? START.model);
  const value = (name: DialName, dial: Dial): number => {
    const text = given.get(name);
    const number = Number(text);
    if (text === undefined || text === '' || !Number.isFinite(number)) return start[name];
    return valueAt(dial, positionOf(dial, number));
  };
  return fitted({
    ...start,
    ...Object.fromEntries(dialsOf(start.model).map(([name, dial]) => [name, value(name, dial)])),
  });
}

/**
 * lim √m D of nets of particles under direct training and imitation, of infinitely many particles, at presets of seed
 * 1: `gowide theory limit` on the declaration of the same constants, with a 95 % interval of at most 4 % of the value.
 */
const LIMITS: readonly { readonly where: Partial<Setting>; readonly direct: number; readonly imitation: number }[] = [
  { where: {}, direct: 3.33, imitation: 4.3 },
  { where: { depth: 4 }, direct: 2.83, imitation: 3.45 },
];

/** A limit of √m D beside the measured points: what it says of D at a thin width, beside a wide net of M particles. */
export interface Limit {
  readonly column: 'direct' | 'imitation';
  readonly at: (m: number) => number;
}

/** What the theory's limits say of D(m) of a setting; none where they were not computed. */
export function limitsOf(setting: Setting): Limit[] {
  const here = addressOf({ ...setting, m: START.m, wide: START.wide });
  const found = LIMITS.find(({ where }) => addressOf({ ...START, ...where }) === here);
  return (['direct', 'imitation'] as const).flatMap((column) => {
    const limit = found?.[column];
    // coupled thin nets are drawn without replacement
    return limit === undefined ? [] : [{ column, at: (m) => limit * Math.sqrt((1 - m / setting.wide) / m) }];
  });
}

/** The declaration of the study that measures D(m) of a setting. */
export function declarationOf(setting: Setting): Readonly<Record<string, unknown>> {
  return MODELS[setting.model].declaration(setting);
}

/** The command line that measures D(m) of a setting with the program. */
export function commandOf(setting: Setting): string {
  const file = 'laboratory.json';
  const { study } = MODELS[setting.model];
  const declaration = JSON.stringify(declarationOf(setting));
  return `echo '${declaration}' > ${file} && gowide theory run ${study} --config ${file} --seed ${setting.seed} --seeds 1`;
}

/** A point that could not be measured. */
export interface Lost {
  readonly law: Point['law'];
  readonly x: number;
}

/** What could not be measured of a setting, and why; empty where all was. */
export function lostInWords({ model }: Setting, lost: readonly Lost[]): string {
  if (lost.length === 0) return '';
  const {
    exploded: [why, helps],
    widthLabel,
  } = MODELS[model];
  const named = ([law, axis, label]: [Point['law'], string, (x: number) => string]): string[] => {
    const places = lost.filter((one) => one.law === law).map(({ x }) => label(x));
    return places.length === 0 ? [] : [`${axis} = ${places.join(', ')}`];
  };
  const where = (
    [
      ['D(m)', 'm', widthLabel],
      ['D(L)', 'L', String],
    ] as [Point['law'], string, (x: number) => string][]
  ).flatMap(named);
  return `Left out, as ${why} there: ${where.join('; ')}. ${helps} helps.`;
}

/** What the points of a setting show, in words. */
export function inWords(setting: Setting, points: readonly Point[]): string {
  return MODELS[setting.model].says(setting, points).join(' ').replaceAll(' -', ' −');
}
