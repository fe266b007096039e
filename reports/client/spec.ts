/**
 * Changes of a vega-lite spec that make it answer: tooltips, zoom, arms left out, other scales. Pure: a spec to a spec.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** A vega-lite spec, or a part of one, as JSON. */
export type Spec = { [key: string]: Json };

/** An axis of a figure. */
export type Axis = 'x' | 'y';

/** Whether a value of JSON is an object, and no array. */
export const isObject = (value: Json | undefined): value is Spec =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every object below a spec, itself included, data left out. */
export function walk(node: Json, visit: (object: Spec) => void): void {
  if (Array.isArray(node)) node.forEach((entry) => walk(entry, visit));
  if (!isObject(node)) return;
  visit(node);
  for (const [key, value] of Object.entries(node)) if (key !== 'data' && key !== 'config') walk(value, visit);
}

/** The rows that stand in a spec; none where its data stand elsewhere. */
export function valuesOf(spec: Spec): readonly Readonly<Record<string, Json>>[] {
  return isObject(spec.data) && Array.isArray(spec.data.values)
    ? (spec.data.values as Readonly<Record<string, Json>>[])
    : [];
}

/** A text of JSON with one of the names that every object has, as a value or as a key. */
const UNSAFE = new RegExp(`"(?:${Object.getOwnPropertyNames(Object.prototype).join('|')})"`);

/**
 * The spec with a word joiner, which nobody sees, behind values such as "constructor": vega looks these up in objects
 * that have properties of such names.
 */
export function withSafeNames<T>(spec: T): T {
  const text = JSON.stringify(spec);
  if (!UNSAFE.test(text)) return JSON.parse(text) as T; // most have none, and a function called on every value is slow
  return JSON.parse(text, (_, value: unknown) =>
    typeof value === 'string' && value in Object.prototype ? `${value}\u2060` : value,
  ) as T;
}

/** The encodings of a channel, all layers'. */
function channels(spec: Spec, axis: Axis): Spec[] {
  const found: Spec[] = [];
  walk(spec, ({ encoding }) => {
    const channel = isObject(encoding) ? encoding[axis] : undefined;
    if (isObject(channel) && channel.type === 'quantitative') found.push(channel);
  });
  return found;
}

/** The scale of an axis, where a reader may choose another: quantitative, and all its values above zero. */
export function scaleOf(spec: Spec, axis: Axis): 'linear' | 'log' | undefined {
  const found = channels(spec, axis);
  if (found.length === 0) return undefined;
  const fields = [...new Set(found.map(({ field }) => field as string))];
  const numbers = valuesOf(spec).flatMap((datum) =>
    [...fields, 'low', 'high'].map((field) => datum[field]).filter((value) => typeof value === 'number'),
  );
  const shown = fields.flatMap((field) =>
    valuesOf(spec)
      .map((datum) => datum[field])
      .filter((value) => typeof value === 'number'),
  );
  if (numbers.length === 0 || shown.some((value) => value <= 0)) return undefined;
  return found.some(({ scale }) => isObject(scale) && scale.type === 'log') ? 'log' : 'linear';
}

/** The field by which arms are told apart, and its values that occur. */
export function seriesOf(
  spec: Spec,
):
  | { readonly field: string; readonly names: readonly string[]; readonly colors: ReadonlyMap<string, string> }
  | undefined {
  let found: Spec | undefined;
  walk(spec, ({ encoding }) => {
    const color = isObject(encoding) ? encoding.color : undefined;
    if (isObject(color) && typeof color.field === 'string') found ??= color;
  });
  if (found === undefined) return undefined;
  const field = found.field as string;
  const present = new Set(valuesOf(spec).map((datum) => datum[field]));
  const domain = isObject(found.scale) && Array.isArray(found.scale.domain) ? (found.scale.domain as string[]) : [];
  const range = isObject(found.scale) && Array.isArray(found.scale.range) ? (found.scale.range as string[]) : [];
  const names = domain.filter((name) => present.has(name));
  return names.length < 2
    ? undefined
    : { field, names, colors: new Map(domain.map((name, i) => [name, range[i] ?? '#000'])) };
}

/** What a reader chose of a figure: series that are hidden, and scales of axes. */
export interface Choices {
  readonly hidden: ReadonlySet<string>;
  readonly scales: Readonly<Partial<Record<Axis, 'linear' | 'log'>>>;
}

/** Words for the columns of a figure's rows that are no axis; a column without any is not shown. */
const WORDS: Readonly<Record<string, string>> = {
  series: 'line',
  name: 'arm',
  when: 'when',
  learns: 'learns from',
  low: '95 % interval from',
  high: '95 % interval to',
  seeds: 'seeds',
  seed: 'seed',
};

/** What a mark's tooltip shows: the values under it, in the words of the axes. */
function tooltipOf(encoding: Spec, spec: Spec): Json[] {
  const titles = new Map<string, string>(Object.entries(WORDS));
  for (const axis of ['x', 'y'] as const) {
    const channel = encoding[axis];
    if (!isObject(channel) || typeof channel.field !== 'string') continue;
    const axisTitle = isObject(channel.axis) ? channel.axis.title : undefined;
    const title = channel.title ?? axisTitle;
    if (typeof title === 'string') titles.set(channel.field, title);
  }
  const columns = new Set(valuesOf(spec).flatMap((row) => Object.keys(row)));
  // a mark of one seed has no interval, and a mean no seed
  const single = Object.values(encoding).some((channel) => isObject(channel) && channel.field === 'value');
  const hidden = single ? ['mean', 'low', 'high', 'seeds'] : ['value', 'seed'];
  return [...titles]
    .filter(([field]) => columns.has(field) && !hidden.includes(field))
    .map(([field, title]) => ({
      field,
      title,
      type: valuesOf(spec).some((row) => typeof row[field] === 'number') ? 'quantitative' : 'nominal',
    }));
}

/** The spec as the reader chose it. */
export function chosen(original: Spec, { hidden, scales }: Choices): Spec {
  const spec = structuredClone(original);
  for (const [axis, type] of Object.entries(scales) as [Axis, 'linear' | 'log'][]) {
    for (const channel of channels(spec, axis)) {
      const scale = isObject(channel.scale) ? channel.scale : {};
      delete scale.base;
      channel.scale = type === 'log' ? { ...scale, type, zero: false, nice: false } : { ...scale, type, zero: false };
      if (isObject(channel.axis)) delete channel.axis.values;
    }
  }
  const series = seriesOf(original);
  if (hidden.size > 0 && series !== undefined) {
    // theory lines have names of their own, and stay
    const values = valuesOf(spec).filter((datum) => !hidden.has(datum[series.field] as string));
    (spec.data as Spec).values = values as unknown as Json[];
  }
  const inner = isObject(spec.spec) ? spec.spec : spec;
  const layers = Array.isArray(inner.layer) ? (inner.layer as Spec[]) : [inner];
  for (const layer of layers) {
    if (layer.data !== undefined) continue;
    const shared = isObject(inner.encoding) ? inner.encoding : {};
    const own = isObject(layer.encoding) ? layer.encoding : {};
    layer.mark = { ...(isObject(layer.mark) ? layer.mark : { type: layer.mark! }), tooltip: true };
    layer.encoding = { ...own, tooltip: tooltipOf({ ...shared, ...own }, spec) };
  }
  const axes = (['x', 'y'] as const).filter((axis) => channels(spec, axis).length > 0);
  const host = layers.findLast(
    ({ data, encoding }) => data === undefined && (inner.encoding !== undefined || isObject(encoding)),
  );
  // a zoom clips marks to the axes, and names stand beside these
  const named = layers.some(({ mark }) => isObject(mark) && mark.type === 'text');
  if (axes.length > 0 && host !== undefined && !isObject(spec.resolve) && !named) {
    host.params = [
      {
        name: 'zoom',
        select: { type: 'interval', encodings: [...axes], zoom: 'wheel![event.ctrlKey]' },
        bind: 'scales',
      },
    ];
  }
  return spec;
}
