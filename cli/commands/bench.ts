import { Command } from 'commander';
import type { Bench } from '../bench/bench.js';
import { BENCHES } from '../bench/registry.js';
import { notice } from '../terminal/notices.js';
import { examples, jsonOption } from '../terminal/options.js';

/** `gowide bench`: a command for each bench of the registry. */
export function command(): Command {
  const group = new Command('bench').description('speed, measured here');
  for (const [name, bench] of Object.entries(BENCHES)) group.addCommand(benchCommand(name, bench));
  return group;
}

function benchCommand(name: string, bench: Bench): Command {
  const benched = new Command(name).description(bench.description);
  for (const option of [...bench.options(), jsonOption()]) benched.addOption(option);
  const lines = bench.examples.map((args) => `gowide bench ${name} ${args}`.trimEnd());
  return benched.addHelpText('after', examples(lines)).action(async ({ json, ...given }: { json?: boolean }) => {
    const { data, text } = await bench.run(given, notice);
    process.stdout.write(`${json ? JSON.stringify(data, null, 2) : text}\n`);
  });
}
