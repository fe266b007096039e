/** What the scripts for bash and zsh share: the cases by which they read a command line, with their indentation. */
import { pathsBelow, valuedOptions, type CommandModel, type Values } from './model.js';

/** Writes the assignment by which a script sets `kind` and the words that it offers to what can stand somewhere. */
export type Assigned = (values: Values) => string;

/** Cases of the words before the cursor, and of the value that an option among them waits for. */
export interface WordCases {
  /** A word that leads to a command below: the path goes on. */
  readonly paths: string;
  /** An option that takes a value. */
  readonly valued: string;
  /** What that value may be. */
  readonly values: string;
}

/** The cases of a program, for a script that keeps the path of the command in `variable`. */
export function wordCases(commands: readonly CommandModel[], variable: string, assigned: Assigned): WordCases {
  const options = valuedOptions(commands);
  return {
    paths: pathsBelow(commands)
      .map((path) => `      ${quoted(path)}) ${variable}=${quoted(path)} place=0 ;;`)
      .join('\n'),
    valued: options.flatMap(({ words }) => words.map((word) => `      ${quoted(word)}) option=$word ;;`)).join('\n'),
    values: options
      .map(({ words, values }) => `    ${words.map(quoted).join(' | ')}) ${assigned(values)} ;;`)
      .join('\n'),
  };
}

/** Cases of what stands for each argument of a command, by its place. */
export function argumentCases({ path, values, variadic }: CommandModel, assigned: Assigned): string[] {
  const last = values.length - 1;
  return values.map((value, place) => {
    const pattern = variadic && place === last ? `${quoted(`${path} `)}[0-9]*` : quoted(`${path} ${place}`);
    return `      ${pattern}) ${assigned(value)} ;;`;
  });
}

/** A text as one word of a POSIX shell, in single quotes. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
