/** What the user is told beside a command’s output, and `--quiet`, which leaves it out. */

let quiet = false;

/** Whether nothing but results and errors is to be said from now on. */
export function setQuiet(value: boolean): void {
  quiet = value;
}

/** Whether `--quiet` was given. */
export function isQuiet(): boolean {
  return quiet;
}

/** Says a line on standard error that is neither the command’s output nor an error. */
export function notice(line: string): void {
  if (!quiet) process.stderr.write(`${line}\n`);
}

/** Says what was left out of what was read, and what is in it and should be read with care, a line each. */
export function tellReading({
  problems,
  cautions,
}: {
  readonly problems: readonly string[];
  readonly cautions: readonly string[];
}): void {
  for (const line of [...problems, ...cautions]) notice(line);
}
