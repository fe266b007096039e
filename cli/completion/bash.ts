import { quoted, type CommandModel, type Values } from './model.js';

/** The script that has bash (3.2 or newer) complete the program's command lines. */
export function bashCompletion(commands: readonly CommandModel[]): string {
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
${commands.flatMap(({ path, commands: below }) => below.filter(({ word }) => word !== 'help').map(({ word }) => `      ${quoted(`${path} ${word}`)}) path=${quoted(`${path} ${word}`)} place=0 ;;`)).join('\n')}
${commands.flatMap(({ path, options }) => options.filter(({ values }) => values !== undefined).flatMap(({ names }) => names.map((name) => `      ${quoted(`${path} ${name}`)}) option=$word ;;`))).join('\n')}
      *' '-*) ;;
      *) ((place++)) ;;
    esac
  done
  case "$path $option" in
${commands.flatMap(({ path, options }) => options.flatMap(({ names, values }) => (values === undefined ? [] : [`    ${names.map((name) => quoted(`${path} ${name}`)).join(' | ')}) ${assigned(values)} ;;`]))).join('\n')}
  esac
  if [[ -z $option ]]; then
    case "$path $place" in
${commands.flatMap(({ path, commands: below, values, variadic }) => placesOf(path, below.length > 0, values, variadic)).join('\n')}
    esac
    if [[ $cur == -* ]]; then
      kind=names
      case $path in
${commands.map(({ path, options }) => `        ${quoted(path)}) words=${quoted(options.flatMap(({ names }) => names).join(' '))} ;;`).join('\n')}
      esac
    elif [[ $place == 0 ]]; then
      case $path in
${commands.flatMap(({ path, commands: below }) => (below.length === 0 ? [] : [`        ${quoted(path)}) words+=${quoted(` ${below.map(({ word }) => word).join(' ')}`)} ;;`])).join('\n')}
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

function assigned({ kind, candidates }: Values): string {
  return `kind=${kind} words=${quoted(candidates.map(({ word }) => word).join(' '))}`;
}

/** Cases of what stands at each place of a command; a group offers its commands at the first. */
function placesOf(path: string, isGroup: boolean, values: readonly Values[], variadic: boolean): string[] {
  const last = values.length - 1;
  const cases = values.map((value, place) => {
    const pattern = variadic && place === last ? `${quoted(`${path} `)}[0-9]*` : quoted(`${path} ${place}`);
    return `      ${pattern}) ${assigned(value)} ;;`;
  });
  return isGroup && values.length === 0 ? [`      ${quoted(`${path} 0`)}) kind=names ;;`] : cases;
}
