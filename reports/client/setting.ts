/** Settings of the laboratory: their dials, presets, addresses and commands, and what was found in words. */
import { FIXED, widthsBelow, type Point, type Setting } from './experiment.js';

/** A slider. */
export interface Dial {
  readonly label: string;
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly start: number;
  /** Whether a position of the slider is the exponent of a power of two. */
  readonly power?: true;
}

/** Every part of a setting, in the order in which the page shows them. */
export const DIALS: Readonly<Record<keyof Setting, Dial>> = {
  depth: { label: 'depth L', low: 1, high: 12, step: 1, start: 6 },
  m: { label: 'thin width m', low: 3, high: 8, step: 1, start: 5, power: true },
  wide: { label: 'wide width M', low: 7, high: 11, step: 1, start: 9, power: true },
  alpha: { label: 'skip weight α', low: 0, high: 1.2, step: 0.1, start: 1 },
  c: { label: 'scale c', low: 0.2, high: 4, step: 0.2, start: 1 },
  rho: { label: 'correlation ρ', low: 0, high: 1, step: 0.1, start: 0.9 },
  time: { label: 'flow time T', low: 0.2, high: 5, step: 0.2, start: 1 },
  seed: { label: 'seed', low: 1, high: 99, step: 1, start: 1 },
};

const NAMES = Object.keys(DIALS) as (keyof Setting)[];

/** The value at a position of a slider. */
export function valueAt({ power }: Dial, position: number): number {
  return power === true ? 2 ** position : Math.round(position * 10) / 10;
}

/** The position of a slider at which it has a value, held within its ends. */
export function positionOf({ power, low, high }: Dial, value: number): number {
  const position = power === true ? Math.round(Math.log2(value)) : value;
  return Math.min(high, Math.max(low, position));
}

/** The setting at which the laboratory starts, and to which it is reset. */
export const START = Object.fromEntries(
  NAMES.map((name) => [name, valueAt(DIALS[name], DIALS[name].start)]),
) as unknown as Setting;

/** Settings that show something, by what they show. */
export const PRESETS: Readonly<Record<string, Partial<Setting>>> = {
  'no skip, c = 3: imitation wins': { alpha: 0, c: 3, time: 2 },
  'skip: direct training is closer here': { alpha: 1, c: 1, time: 1 },
};

/** The part of the page's address that stands for a setting: what differs from the start, after `#laboratory`. */
export function addressOf(setting: Setting): string {
  const parts = NAMES.filter((name) => setting[name] !== START[name]).map((name) => `${name}=${setting[name]}`);
  return parts.length === 0 ? '#laboratory' : `#laboratory:${parts.join(',')}`;
}

/** The setting of an address; undefined where it is of none. What is no number of a dial is left at the start. */
export function settingAt(hash: string): Setting | undefined {
  const [found, parts = ''] = /^#laboratory(?::(.*))?$/.exec(hash) ?? [];
  if (found === undefined) return undefined;
  const given = new Map(parts.split(',').map((part) => part.split('=', 2) as [string, string | undefined]));
  const value = (name: keyof Setting): number => {
    const text = given.get(name);
    const number = Number(text);
    if (text === undefined || text === '' || !Number.isFinite(number)) return START[name];
    return valueAt(DIALS[name], positionOf(DIALS[name], number));
  };
  return Object.fromEntries(NAMES.map((name) => [name, value(name)])) as unknown as Setting;
}

/** The declaration of the study `width` that measures D(m) of a setting. */
export function declarationOf({ depth, wide, alpha, c, rho, time }: Setting): Readonly<Record<string, unknown>> {
  const law = { depth, wide, widths: widthsBelow(wide), alpha, c, rho };
  return { study: 'width', regime: 'laboratory', ...law, ...FIXED, time, imitationTime: time, draws: 1 };
}

/** The command line that measures D(m) of a setting with the program. */
export function commandOf(setting: Setting): string {
  const file = 'laboratory.json';
  const declaration = JSON.stringify(declarationOf(setting));
  return `echo '${declaration}' > ${file} && gowide theory run width --config ${file} --seed ${setting.seed} --seeds 1`;
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

/** What the points of a setting show, in words. */
export function inWords({ m, depth }: Setting, points: readonly Point[]): string {
  const here = points.find(({ law, x }) => law === 'D(m)' && x === m) ?? points.find(({ x }) => x === depth);
  if (here === undefined) return '';
  const [near, far] =
    here.imitation < here.direct ? ['imitation', 'direct training'] : ['direct training', 'imitation'];
  const ratio = Math.max(here.imitation, here.direct) / Math.min(here.imitation, here.direct);
  const said = [
    `At m = ${m} and L = ${depth} ${near} ends ${ratio.toFixed(ratio < 10 ? 1 : 0)} times as near ` +
      `to the wide net as ${far}.`,
  ];
  const of = (law: Point['law'], key: 'direct' | 'imitation' | 'bound'): { x: number; y: number }[] =>
    points.filter((point) => point.law === law).map((point) => ({ x: point.x, y: point[key] }));
  if (of('D(m)', 'direct').length > 2) {
    const [imitation, direct] = [exponent(of('D(m)', 'imitation')), exponent(of('D(m)', 'direct'))];
    said.push(
      `D falls with m to the power ${imitation.toFixed(2)} under imitation, ${direct.toFixed(2)} under direct training`,
      '(one seed; the law says −1/2).',
    );
  }
  if (of('D(L)', 'bound').length > 2) {
    const power = exponent(of('D(L)', 'bound'));
    said.push(
      `The telescoped sum grows with L to the power ${power.toFixed(2)}`,
      '(the bound: at most 1 with a skip).',
    );
  }
  return said.join(' ').replaceAll(' -', ' −');
}
