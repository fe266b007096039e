import { argumentCases, quoted, wordCases } from './cases.js';
import type { Candidate, CommandModel, OptionModel, Values } from './model.js';

/** The script that has zsh complete the program's command lines, with what is said of each word. */
export function zshCompletion(commands: readonly CommandModel[]): string {
  const { paths, valued, values } = wordCases(commands, 'word_path', assigned);
  const places = commands.flatMap(placesOf).join('\n');
  const flags = commands
    .map(({ path, options }) => [path, options.flatMap(optionWords).map(described).join(' ')] as const)
    .map(([path, words]) => `        ${quoted(path)}) found=(${words}) ;;`)
    .join('\n');
  return `#compdef gowide
# Completion of gowide for zsh, made by: gowide completion zsh
_gowide() {
  local word_path=gowide option='' word kind='' current=\${words[CURRENT]} prefix=''
  local -i place=0 i
  local -a found
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if [[ -n $option ]]; then
      option=''
      continue
    fi
    case "$word_path $word" in
${paths}
${valued}
      *' '-*) ;;
      *) ((place += 1)) ;;
    esac
  done
  if [[ -z $option && $current == --*=* ]]; then
    option=\${current%%=*}
    compset -P '*='
    prefix=given
  fi
  case "$word_path $option" in
${values}
  esac
  if [[ -z $option ]]; then
    case "$word_path $place" in
${places}
    esac
    if [[ $current == -* ]]; then
      kind=names
      case $word_path in
${flags}
      esac
    fi
  fi
  case $kind in
    file) _files ;;
    folder) _files -/ ;;
    names) _describe -o gowide found ;;
  esac
}
if [[ $funcstack[1] == _gowide ]]; then _gowide "$@"; else compdef _gowide gowide; fi
`;
}

/** Every way to write an option, as candidates. */
function optionWords({ names, description }: OptionModel): Candidate[] {
  return names.map((word) => ({ word, description }));
}

/** A word as \`_describe\` takes it: a colon in it is escaped. */
function described({ word, description }: Candidate): string {
  return quoted(`${word.replaceAll(':', '\\:')}${description === '' ? '' : `:${description}`}`);
}

function assigned({ kind, candidates }: Values): string {
  return `kind=${kind} found=(${candidates.map(described).join(' ')})`;
}

/** Cases of what stands at each place of a command; a group offers its commands at the first. */
function placesOf(command: CommandModel): string[] {
  const { path, commands: below, values } = command;
  const first: Values = { kind: 'names', candidates: [...below, ...(values[0]?.candidates ?? [])] };
  const cases = argumentCases(command, assigned);
  return below.length > 0 ? [`      ${quoted(`${path} 0`)}) ${assigned(first)} ;;`, ...cases] : cases;
}
