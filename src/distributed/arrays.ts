/** Named arrays, and a few words beside them, from worker 0 to all. */
import type { Workers } from '../core/workers.js';
import { sizeOf, type Floats, type HostArray, type HostArrays } from '../core/host-array.js';
import type { Json } from '../core/json.js';

const TYPES = { F32: Float32Array, F64: Float64Array } as const;
type Type = keyof typeof TYPES;

/** What worker 0 says. */
export interface Said {
  readonly words: Readonly<Record<string, Json>>;
  readonly arrays: HostArrays<Floats>;
}

type Table = readonly (readonly [name: string, type: Type, shape: readonly number[]])[];

/** What worker 0 says, on every worker, to the last bit; only worker 0 gives it. */
export async function say(workers: Workers, said?: Said): Promise<Said> {
  if (workers.task === 0 && said !== undefined) {
    const entries = Object.entries(said.arrays);
    const table: Table = entries.map(([name, { shape, values }]) => [
      name,
      values instanceof Float64Array ? 'F64' : 'F32',
      shape,
    ]);
    await workers.share(Buffer.from(JSON.stringify({ words: said.words, table })));
    // one by one: all together would be as much memory again
    for (const [, { values }] of entries)
      await workers.share(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    return said;
  }
  const text = Buffer.from(await workers.share()).toString();
  const { words, table } = JSON.parse(text) as Pick<Said, 'words'> & { readonly table: Table };
  const arrays: Record<string, HostArray<Floats>> = {};
  for (const [name, type, shape] of table) {
    const { buffer, byteOffset } = await workers.share();
    arrays[name] = { shape, values: new TYPES[type](buffer as ArrayBuffer, byteOffset, sizeOf(shape)) };
  }
  return { words, arrays };
}

/** Worker 0's arrays on every worker; what the others give is not looked at. */
export async function shareArrays(
  workers: Workers,
  arrays: () => Promise<HostArrays<Floats>>,
): Promise<HostArrays<Floats>> {
  return (await say(workers, workers.task === 0 ? { words: {}, arrays: await arrays() } : undefined)).arrays;
}
