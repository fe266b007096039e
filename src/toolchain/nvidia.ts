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
