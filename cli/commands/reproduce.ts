import { join } from 'node:path';
import { Command } from 'commander';
import { reproducedExperiments } from '../../experiments/registry.js';
import { SCALES, type Scale } from '../../src/core/experiment.js';
import { checkOutput, OUTPUTS } from '../../src/store/output.js';
import { tellReading } from '../terminal/notices.js';
import { checkOut, examples, jsonOption } from '../terminal/options.js';
import { Progress } from '../terminal/progress.js';
import { redraw } from '../terminal/redraw.js';
import { withRunOptions } from '../terminal/run-options.js';
import { declaredCells, declaredOf, work, type WorkOptions } from '../terminal/work.js';

interface Options extends WorkOptions {
  readonly scale: string;
  readonly seed: number;
  readonly seeds?: number;
  readonly json?: boolean;
}

/** Scales at which there is something to reproduce. */
function reproducedScales(): Scale[] {
  const declared = new Set(reproducedExperiments().flatMap(({ seeds }) => Object.keys(seeds)));
  return SCALES.filter((scale) => declared.has(scale));
}

/** `gowide reproduce`. */
export function command(): Command {
  return withRunOptions(new Command('reproduce'), { scales: reproducedScales() })
    .description(
      'run the theory’s studies and the main experiments at a scale and write the report; the last line is its path',
    )
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples(
        ['gowide reproduce', 'gowide reproduce --scale laptop --out results --jobs 2'],
        'Finished runs are not run again; a stopped command goes on where it was.',
      ),
    )
    .action(async (options: Options) => {
      const { scale, seed, seeds } = options;
      const cells = declaredCells(declaredOf('reproduce', reproducedExperiments(), scale), scale, seed, seeds);
      const out = checkOut(options.out);
      const file = checkOutput(join(out, 'report.html'), OUTPUTS.page); // before minutes of work
      const early = redraw(out, file, () =>
        new Progress().line(`The report so far, drawn again now and then: ${file}`),
      );
      let diverged: Awaited<ReturnType<typeof work>>;
      try {
        diverged = await work(cells, options);
      } finally {
        early.stop();
      }
      const { writeReport } = await import('../../reports/page/report.js');
      const { verdicts, problems, cautions } = await writeReport([out], { file });
      if (options.json)
        process.stdout.write(`${JSON.stringify({ report: file, verdicts, problems, cautions }, null, 2)}\n`);
      else {
        tellReading({ problems, cautions });
        process.stdout.write(
          `${verdicts.map(({ scale, outcome, statement, evidence }) => `${outcome.padEnd(13)}  [${scale ?? '–'}] ${statement} ${evidence}`).join('\n')}\n${file}\n`,
        );
      }
      if (diverged !== undefined) throw diverged;
    });
}
