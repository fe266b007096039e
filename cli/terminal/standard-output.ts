/** Standard output that cannot be written to: a reader that has gone, a full disk. */

/**
 * Says once, on standard error, that standard output cannot be written to; ends the process where its reader (head,
 * less) has gone. Else what is under way is brought to its end, as only what was printed is lost. Returns what makes of
 * a command's exit status that of the process: 1 where something was not written.
 */
export function watchStandardOutput(): (status: number) => number {
  let unwritten = false;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    if (!unwritten)
      process.stderr.write(
        `error: cannot write to standard output: ${error.code === 'ENOSPC' ? 'no space left there' : error.message}\n`,
      );
    unwritten = true;
    process.exitCode = 1;
  });
  return (status) => (status === 0 && unwritten ? 1 : status);
}
