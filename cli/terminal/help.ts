/** How help looks: names alone in lists, choices in words, no line wider than the terminal. */
import type { Argument, Command, Option } from 'commander';
import { Help } from 'commander';
import { boundsOf } from './options.js';

/** Columns within which help is wrapped: those of the terminal where it has so many, and 80 where there is none. */
const [NARROWEST, WIDEST, ELSEWHERE] = [60, 100, 80] as const;

/** Columns of a stream within which text is wrapped for reading. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return Math.min(WIDEST, Math.max(NARROWEST, stream.isTTY ? stream.columns : ELSEWHERE));
}

/** Has a command write its help as this file says; `write` takes it instead of standard output where it is given. */
export function withHelpStyle(
  command: Command,
  write?: { readonly width: number; readonly out: (text: string) => void },
): void {
  const outWidth = (): number => write?.width ?? widthOf(process.stdout);
  const errWidth = (): number => widthOf(process.stderr);
  const out = write?.out ?? ((text: string) => void process.stdout.write(text));
  const plain = new Help();
  command
    .configureHelp({
      minWidthToWrap: 20,
      subcommandTerm: (child) => child.name(),
      optionDescription: (option) =>
        withBounds(option, described(option, withoutEmptyList(option), plain.optionDescription.bind(plain))),
      argumentDescription: (argument) =>
        described(argument, argument.defaultValue, plain.argumentDescription.bind(plain)),
    })
    .configureOutput({
      getOutHelpWidth: outWidth,
      getErrHelpWidth: errWidth,
      writeOut: (text) => out(wrapLines(text, outWidth())),
      writeErr: (text) => process.stderr.write(wrapLines(text, errWidth())),
      outputError: () => {},
    });
}

/** An empty list as the default of an option that can be repeated says nothing. */
function withoutEmptyList({ defaultValue }: Option): unknown {
  return Array.isArray(defaultValue) && defaultValue.length === 0 ? undefined : defaultValue;
}

/** A description with the bounds of the option's number, before its default. */
function withBounds(option: Option, text: string): string {
  const bounds = boundsOf(option);
  if (bounds === undefined) return text;
  const [, start = text, end = ''] = /^(.*?)( \((?:default|env|preset):.*)$/.exec(text) ?? [];
  return `${start}; ${bounds}${end}`;
}

/** A description with its choices and its default as a sentence has them. */
function described<Item extends Option | Argument>(
  item: Item,
  defaultValue: unknown,
  describe: (item: Item) => string,
): string {
  const { argChoices } = item;
  const copy = Object.assign(Object.create(Object.getPrototypeOf(item) as object) as Item, item, {
    argChoices: undefined,
    defaultValue,
    defaultValueDescription: item.defaultValueDescription ?? inWords(defaultValue),
  });
  const text = describe(copy);
  if (argChoices === undefined) return text;
  const before = text.startsWith('(') ? text.length : text.indexOf(' (');
  const [start, end] = before < 0 ? [text, ''] : [text.slice(0, before), text.slice(before)];
  return `${start}: ${argChoices.join(', ')}${end}`;
}

function inWords(value: unknown): string | undefined {
  return value === undefined ? undefined : [value].flat().map(String).join(', ');
}

/** Wraps every line that is too wide, aligned with its second column where it has one. */
export function wrapLines(text: string, width: number): string {
  let inExamples = false;
  return text
    .split('\n')
    .map((line) => {
      if (!line.startsWith(' ')) inExamples = line.startsWith('Examples:');
      return line.length <= width ? line : wrapLine(line, width, inExamples);
    })
    .join('\n');
}

/** Lines of one that is too wide; of a command line such that a shell reads them as one, its comment above it. */
function wrapLine(line: string, width: number, isCommand: boolean): string {
  const [, commented, comment] = (isCommand ? /^( +\S.*?) +(# .*)$/.exec(line) : null) ?? [];
  if (commented !== undefined) return `${wrapLine(`  ${comment}`, width, false)}\n${wrapLine(commented, width, true)}`;
  const indent = /^ */.exec(line)![0].length;
  const column = /^ +\S+ {2,}/.exec(line)?.[0].length ?? indent;
  const hanging = ' '.repeat(isCommand || column > width / 2 ? indent + 4 : column);
  const lines = [''];
  for (const piece of line.match(/\s*(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [line]) {
    const room = width - (isCommand ? 2 : 0);
    const last = lines.at(-1)!;
    if (last.trim() === '' || last.length + piece.length <= room) lines[lines.length - 1] = last + piece;
    else lines.push(hanging + piece.trimStart());
  }
  return lines.join(isCommand ? ' \\\n' : '\n');
}
