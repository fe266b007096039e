import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { UsageError } from '../../src/core/errors.js';
import { isFolder } from '../../src/core/folder.js';
import { parseWhole } from '../../src/core/number.js';
import { isThere } from '../../src/store/regular.js';
import { DEFAULT_OUT, examples } from '../terminal/options.js';

function portNumber(text: string): number {
  const port = parseWhole(text);
  if (port === undefined || port < 0 || port > 65_535)
    throw new InvalidArgumentError('Expected a port from 0 to 65535.');
  return port;
}

/** `gowide watch`. */
export function command(): Command {
  return new Command('watch')
    .argument('[folders...]', 'folders with runs, or where runs will be', [DEFAULT_OUT])
    .description('serve the report on this machine alone while runs go on')
    .option('--port <n>', 'port on 127.0.0.1; 0 for any', portNumber, 4747)
    .option('--open', 'show it in the browser')
    .addHelpText('after', examples(['gowide reproduce --out results & gowide watch results --open']))
    .action(async (folders: string[], { port, open }: { port: number; open?: boolean }) => {
      for (const folder of folders)
        if (isThere(folder) && !isFolder(folder))
          throw new UsageError(`${folder}: it is a file; expected a folder with runs, or where runs will be`);
      const { watchRuns } = await import('../../reports/page/watch.js');
      const { url, close } = await watchRuns(
        folders.map((folder) => resolve(folder)),
        { port },
      );
      process.stdout.write(`${url}\n`);
      if (open) await (await import('open')).default(url);
      await new Promise<void>((stop) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop());
      });
      await close();
    });
}
