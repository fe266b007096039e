import { Command } from 'commander';
import { FailureError } from '../../core/errors.js';
import type { App } from '../app.js';
import { jsonOption } from '../options.js';

export function verifyCommand(app: App): Command {
  return new Command('verify')
    .description('compute every pinned number of the theory again; exit status 1 when one differs')
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  gowide verify\n  gowide verify --json')
    .action(async ({ json }: { json?: boolean }) => {
      const checks = await app.verify();
      const failed = checks.filter((check) => !check.pass);
      if (json) process.stdout.write(`${JSON.stringify({ checks }, null, 2)}\n`);
      else {
        for (const { id, kind, expected, measured, tolerance, pass } of checks) {
          process.stdout.write(`${pass ? 'ok  ' : 'FAIL'}  ${kind.padEnd(8)}  ${id}: ${measured} (expected ${expected} ± ${tolerance.toExponential(1)})\n`);
        }
        process.stdout.write(`${checks.length - failed.length} of ${checks.length} numbers agree; particle checks allow 3 standard errors (one in 370 fails by chance)\n`);
      }
      if (failed.length > 0) throw new FailureError(`verify: ${failed.length} of ${checks.length} numbers differ: ${failed.map((check) => check.id).join('; ')}`);
    });
}
