/**
 * A figure of several panels as one spec for each, so that they stack where the window is narrow. Pure: a spec to
 * specs; the page draws them beforehand, and the reader's browser again.
 */
import { isObject, valuesOf, walk, type Json, type Spec } from './spec.js';

/** One panel of a figure. */
export interface Panel {
  /** What tells it from the others; null for a figure of one panel. */
  readonly title: string | null;
  readonly spec: Spec;
}

type Row = Readonly<Record<string, Json>>;

/** The facet channel of a spec, or undefined for a figure of one panel. */
function facetOf(spec: Spec): Spec | undefined {
  if (!isObject(spec.facet)) return undefined;
  return isObject(spec.facet.column) ? spec.facet.column : spec.facet;
}

/** Numbers of the rows in the fields that a channel of a spec draws. */
function extentOf(inner: Spec, rows: readonly Row[], channel: 'x' | 'y'): [number, number] | undefined {
  const fields = new Set<string>();
  walk(inner, ({ encoding }) => {
    if (!isObject(encoding)) return;
    for (const key of [channel, `${channel}2`]) {
      const found = encoding[key];
      if (isObject(found) && typeof found.field === 'string' && (found.type ?? 'quantitative') === 'quantitative')
        fields.add(found.field);
    }
  });
  let [low, high] = [Infinity, -Infinity];
  for (const row of rows)
    for (const field of fields) {
      const value = row[field];
      if (typeof value !== 'number') continue;
      [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
  return low <= high ? [low, high] : undefined;
}

/** Gives every quantitative scale of a channel one domain, unless it has its own. */
function share(inner: Spec, channel: 'x' | 'y', domain: [number, number] | undefined): void {
  if (domain === undefined) return;
  walk(inner, ({ encoding }) => {
    const found = isObject(encoding) ? encoding[channel] : undefined;
    if (!isObject(found) || found.type !== 'quantitative') return;
    const scale = isObject(found.scale) ? found.scale : {};
    if (scale.domain === undefined) found.scale = { ...scale, domain: [...domain] };
  });
}

/** Whether the panels of a spec have scales of their own on that axis. */
function independent(spec: Spec, channel: 'x' | 'y'): boolean {
  const scale = isObject(spec.resolve) && isObject(spec.resolve.scale) ? spec.resolve.scale : {};
  return scale[channel] === 'independent';
}

/** Layers without those of which a panel has no rows: vega finds no extent for them. */
function drawable(inner: Spec, rows: readonly Row[]): void {
  if (!Array.isArray(inner.layer)) return;
  inner.layer = (inner.layer as Spec[]).filter(({ transform }) => {
    const [first] = Array.isArray(transform) ? (transform as Spec[]) : [];
    const filter = typeof first?.filter === 'string' ? first.filter : '';
    const column = /^isValid\(datum\.(\w+)\)$/.exec(filter)?.[1];
    return column === undefined || rows.some((row) => row[column] !== undefined);
  });
}

/** A spec without legends: the page has one key for all panels. */
function bare(original: Spec): Spec {
  const spec = structuredClone(original);
  walk(spec, ({ encoding }) => {
    if (!isObject(encoding)) return;
    for (const name of ['color', 'shape', 'strokeDash']) {
      const channel = encoding[name];
      if (isObject(channel) && channel.field !== undefined) channel.legend = null;
    }
  });
  return spec;
}

/** The panels of a figure in their order; scales that its panels share have the domain of all of them. */
export function panelsOf(original: Spec): Panel[] {
  const facet = facetOf(original);
  if (facet === undefined) return [{ title: null, spec: bare(original) }];
  const { config = {}, spec: inner } = original;
  const rows = valuesOf(original);
  const field = facet.field as string;
  const nameOf = (row: Row): string => String(row[field] as string | number);
  const present = [...new Set(rows.map(nameOf))];
  const order = Array.isArray(facet.sort) ? facet.sort.map(String) : [];
  const names = [...order.filter((name) => present.includes(name)), ...present.filter((name) => !order.includes(name))];
  return names.map((name) => {
    const mine = rows.filter((row) => nameOf(row) === name);
    const own = structuredClone(inner) as Spec;
    drawable(own, mine);
    for (const channel of ['x', 'y'] as const)
      if (!independent(original, channel)) share(own, channel, extentOf(own, rows, channel));
    return { title: name, spec: bare({ config, ...own, data: { values: mine as unknown as Json } }) };
  });
}

/** One entry of a figure's key: a line's name, its color, and its dashes where it has some. */
export interface KeyEntry {
  readonly name: string;
  readonly color: string;
  readonly dash: string;
}

/** The key of a figure: what its colors and dashes mean, for the names that its rows have. */
export function keyOf(spec: Spec): KeyEntry[] {
  const channels: Partial<Record<'color' | 'strokeDash', Spec>> = {};
  walk(spec, ({ encoding }) => {
    if (!isObject(encoding)) return;
    for (const name of ['color', 'strokeDash'] as const) {
      const found = encoding[name];
      if (isObject(found) && typeof found.field === 'string') channels[name] ??= found;
    }
  });
  const { color, strokeDash } = channels;
  // a figure that names its colors itself has no key
  if (color === undefined || color.legend === null || !isObject(color.scale)) return [];
  const present = new Set(valuesOf(spec).map((row) => row[color.field as string]));
  const range = color.scale.range as string[];
  const dashes = isObject(strokeDash?.scale) ? (strokeDash.scale.range as number[][]) : [];
  return (color.scale.domain as string[])
    .map((name, i) => ({ name, color: range[i] ?? '#222', dash: (dashes[i] ?? []).filter(Boolean).join(' ') }))
    .filter(({ name }) => present.has(name));
}
