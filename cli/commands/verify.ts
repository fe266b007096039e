import { Command } from 'commander';
import { FailureError } from '../../src/core/errors.js';
import { examples, jsonOption } from '../terminal/options.js';
import { Progress } from '../terminal/progress.js';

/** Chance that at least one of the particle checks fails although all is right, each with 0.27 %. */
const familyRate = (checks: readonly { kind: string }[]): string =>
  `${(100 * (1 - 0.9973 ** checks.filter((check) => check.kind === 'particle').length)).toFixed(1)} %`;

/** It computes in one stretch. */
export const computesApart = true;

/** `gowide verify`. */
export function command(): Command {
  return new Command('verify')
    .description('compute every pinned number of the theory again; exit status 1 when one differs')
    .addOption(jsonOption())
    .addHelpText('after', examples(['gowide verify', 'gowide verify --json']))
    .action(async ({ json }: { json?: boolean }) => {
      const progress = new Progress();
      const { verifyAll } = await import('../../theory/verify/verify.js');
      const checks = await verifyAll((name, done, total) => progress.update('verify:', done / total, name));
      progress.clear();
      const failed = checks.filter((check) => !check.pass);
      if (json) process.stdout.write(`${JSON.stringify({ checks }, null, 2)}\n`);
      else {
        for (const { id, kind, expected, measured, tolerance, pass } of checks) {
          process.stdout.write(
            `${pass ? 'ok  ' : 'FAIL'}  ${kind.padEnd(8)}  ${id}: ${measured} (expected ${expected} ± ` +
              `${tolerance.toExponential(1)})\n`,
          );
        }
        process.stdout.write(
          `${checks.length - failed.length} of ${checks.length} numbers agree; each particle check allows 3 ` +
            `standard errors, so that with new seeds one in 370 would fail by chance, ${familyRate(checks)} of the ` +
            `family of ${checks.filter((check) => check.kind === 'particle').length}\n`,
        );
      }
      if (failed.length > 0)
        throw new FailureError(
          `verify: ${failed.length} of ${checks.length} numbers differ: ${failed.map((check) => check.id).join('; ')}`,
        );
    });
}
