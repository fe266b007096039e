import { argumentCases, quoted, wordCases } from './cases.js';
import type { CommandModel, Values } from './model.js';

/** The script that has bash (3.2 or newer) complete the program's command lines. */
export function bashCompletion(commands: readonly CommandModel[]): string {
  const { paths, valued, values } = wordCases(commands, 'path', assigned);
  const places = commands.flatMap(placesOf).join('\n');
  return `# Completion of gowide for bash, made by: gowide completion bash
_gowide_files() {
  local IFS=$'\\n'
  compopt -o filenames 2>/dev/null
  COMPREPLY=($(compgen "$1" -- "$2"))
}
_gowide() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path=gowide place=0 option='' words='' kind='' i
  [[ $cur == '=' ]] && cur=''
  for ((i = 1; i < COMP_CWORD; i++)); do
    local word=\${COMP_WORDS[i]}
    [[ $word == '=' ]] && continue
    if [[ -n $option ]]; then
      option=''
      continue
    fi
    case "$path $word" in
${paths}
${valued}
      *' '-*) ;;
      *) ((place++)) ;;
    esac
  done
  case "$path $option" in
${values}
  esac
  if [[ -z $option ]]; then
    case "$path $place" in
${places}
    esac
    if [[ $cur == -* ]]; then
      kind=names
      case $path in
${flagCases(commands)}
      esac
    elif [[ $place == 0 ]]; then
      case $path in
${groupCases(commands)}
      esac
    fi
  fi
  case $kind in
    file) _gowide_files -f "$cur" ;;
    folder) _gowide_files -d "$cur" ;;
    names) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
  esac
}
complete -F _gowide gowide
`;
}

/** Cases of the options that a command offers. */
function flagCases(commands: readonly CommandModel[]): string {
  return commands
    .map(({ path, options }) => [path, options.flatMap(({ names }) => names).join(' ')] as const)
    .map(([path, names]) => `        ${quoted(path)}) words=${quoted(names)} ;;`)
    .join('\n');
}

/** Cases of the commands that a group offers. */
function groupCases(commands: readonly CommandModel[]): string {
  return commands
    .filter(({ commands: below }) => below.length > 0)
    .map(({ path, commands: below }) => [path, below.map(({ word }) => word).join(' ')] as const)
    .map(([path, names]) => `        ${quoted(path)}) words+=${quoted(` ${names}`)} ;;`)
    .join('\n');
}

function assigned({ kind, candidates }: Values): string {
  return `kind=${kind} words=${quoted(candidates.map(({ word }) => word).join(' '))}`;
}

/** Cases of what stands at each place of a command; a group offers its commands at the first. */
function placesOf(command: CommandModel): string[] {
  const { path, commands: below, values } = command;
  return below.length > 0 && values.length === 0
    ? [`      ${quoted(`${path} 0`)}) kind=names ;;`]
    : argumentCases(command, assigned);
}
