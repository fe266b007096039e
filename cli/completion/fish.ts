import {
  pathsBelow,
  valuedOptions,
  type Candidate,
  type CommandModel,
  type OptionModel,
  type Values,
} from './model.js';

/** The script that has fish complete the program's command lines, with what is said of each word. */
export function fishCompletion(commands: readonly CommandModel[]): string {
  const lines = commands.flatMap((command) => [
    ...wordsOf(command),
    ...command.options.map((option) => optionLine(command, option)),
  ]);
  const paths = pathsBelow(commands).map(quoted).join(' ');
  const valued = valuedOptions(commands)
    .flatMap(({ words }) => words.map(quoted))
    .join(' ');
  return `# Completion of gowide for fish, made by: gowide completion fish
function __gowide_at --description 'Whether the command is $argv[1], and the word its argument $argv[2]'
    set -l words (commandline --tokens-expanded --cut-at-cursor 2>/dev/null; or commandline --tokenize --cut-at-cursor)
    set -l path gowide
    set -l place 0
    set -l skip 0
    for word in $words[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- "$path $word" ${paths}
            set path "$path $word"
            set place 0
        else if contains -- "$path $word" ${valued}
            set skip 1
        else if not string match --quiet -- '-*' $word
            set place (math $place + 1)
        end
    end
    test "$path" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    if set -q argv[3]
        test $place -ge $argv[2]
    else
        test $place = $argv[2]
    end
end
complete -c gowide -f
${lines.join('\n')}
`;
}

/** Lines that offer the commands of a group and the values of each argument. */
function wordsOf({ path, commands: below, values, variadic }: CommandModel): string[] {
  const at = (place: number): string =>
    quoted(`__gowide_at ${quoted(path)} ${place}${variadic && place === values.length - 1 ? ' on' : ''}`);
  const offered = below.map((candidate) => `complete -c gowide -n ${at(0)} ${word(candidate)}`);
  const taken = values.flatMap((value, place) =>
    value.kind === 'names'
      ? value.candidates.map((candidate) => `complete -c gowide -n ${at(place)} ${word(candidate)}`)
      : [`complete -c gowide -n ${at(place)} ${FILES[value.kind]}`],
  );
  return [...offered, ...taken];
}

const FILES = { file: '-F', folder: "-x -a '(__fish_complete_directories)'", text: '-f' } as const;

function optionLine({ path }: CommandModel, { names, description, values }: OptionModel): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  return [
    `complete -c gowide -n ${quoted(`__gowide_at ${quoted(path)}`)}`,
    ...flags,
    ...(values === undefined ? [] : [taken(values)]),
    `-d ${quoted(description)}`,
  ].join(' ');
}

/** What follows an option. */
function taken({ kind, candidates }: Values): string {
  if (kind !== 'names') return kind === 'file' ? '-r -F' : FILES[kind === 'text' ? 'text' : kind].replace('-f', '-x');
  return `-x -a ${quoted(candidates.map((candidate) => candidate.word).join(' '))}`;
}

function word({ word: offered, description }: Candidate): string {
  return `-a ${quoted(offered)}${description === '' ? '' : ` -d ${quoted(description)}`}`;
}

/** A text as one word of fish, in single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
