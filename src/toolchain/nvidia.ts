/** NVIDIA's driver, asked through the program that comes with it. */
import { spawnSync } from 'node:child_process';

/**
 * What nvidia-smi answers to a query such as `--query-gpu=name`: one line for each thing that it lists, values with
 * commas between; undefined where the driver is absent. `units` says whether memory is followed by "MiB".
 */
export function nvidiaSmi(query: string, { units = false } = {}): string | undefined {
  const { status, stdout } = spawnSync('nvidia-smi', [query, `--format=csv,noheader${units ? '' : ',nounits'}`], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return status === 0 ? stdout : undefined;
}

/** A GPU of this machine. */
export interface Device {
  /** Its name in CUDA_VISIBLE_DEVICES. */
  readonly name: string;
  /** Its memory. */
  readonly bytes: number;
  /** What it is, such as "NVIDIA H100 80GB HBM3". */
  readonly model: string;
}

/** The GPUs of this machine that CUDA_VISIBLE_DEVICES leaves visible; none where NVIDIA's driver is absent. */
export function gpus(): Device[] {
  const listed = nvidiaSmi('--query-gpu=index,uuid,memory.total,name');
  return listed === undefined ? [] : parseGpus(listed, process.env.CUDA_VISIBLE_DEVICES);
}

/** GPUs from lines of nvidia-smi, which are index, uuid, MiB and model, without those that `visible` hides. */
export function parseGpus(text: string, visible: string | undefined): Device[] {
  const all = text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(',').map((part) => part.trim()) as [string, string, string, string]);
  const wanted = visible?.split(',').map((name) => name.trim());
  const placeOf = ([index, uuid]: readonly [string, string, ...string[]]): number =>
    wanted?.findIndex((name) => name === index || (name !== '' && uuid.startsWith(name))) ?? 0;
  // in the order in which CUDA counts them
  const devices = all.filter((one) => placeOf(one) >= 0).sort((a, b) => placeOf(a) - placeOf(b));
  return devices.map(([name, , mebibytes, model]) => ({ name, bytes: Number(mebibytes) * 2 ** 20, model }));
}
