import { quoted, type Candidate, type CommandModel, type Values } from './model.js';

/** The script that has zsh complete the program's command lines, with what is said of each word. */
export function zshCompletion(commands: readonly CommandModel[]): string {
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
${commands.flatMap(({ path, commands: below }) => below.filter(({ word }) => word !== 'help').map(({ word }) => `      ${quoted(`${path} ${word}`)}) word_path=${quoted(`${path} ${word}`)} place=0 ;;`)).join('\n')}
${commands.flatMap(({ path, options }) => options.filter(({ values }) => values !== undefined).flatMap(({ names }) => names.map((name) => `      ${quoted(`${path} ${name}`)}) option=$word ;;`))).join('\n')}
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
${commands.flatMap(({ path, options }) => options.flatMap(({ names, values }) => (values === undefined ? [] : [`    ${names.map((name) => quoted(`${path} ${name}`)).join(' | ')}) ${assigned(values)} ;;`]))).join('\n')}
  esac
  if [[ -z $option ]]; then
    case "$word_path $place" in
${commands.flatMap(({ path, commands: below, values, variadic }) => placesOf(path, below, values, variadic)).join('\n')}
    esac
    if [[ $current == -* ]]; then
      kind=names
      case $word_path in
${commands.map(({ path, options }) => `        ${quoted(path)}) found=(${options.flatMap(({ names, description }) => names.map((word) => described({ word, description }))).join(' ')}) ;;`).join('\n')}
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

/** A word as \`_describe\` takes it: a colon in it is escaped. */
function described({ word, description }: Candidate): string {
  return quoted(`${word.replaceAll(':', '\\:')}${description === '' ? '' : `:${description}`}`);
}

function assigned({ kind, candidates }: Values): string {
  return `kind=${kind} found=(${candidates.map(described).join(' ')})`;
}

/** Cases of what stands at each place of a command; a group offers its commands at the first. */
function placesOf(path: string, below: readonly Candidate[], values: readonly Values[], variadic: boolean): string[] {
  const last = values.length - 1;
  const first: Values = { kind: 'names', candidates: [...below, ...(values[0]?.candidates ?? [])] };
  const cases = values.map((value, place) => {
    const pattern = variadic && place === last ? `${quoted(`${path} `)}[0-9]*` : quoted(`${path} ${place}`);
    return `      ${pattern}) ${assigned(value)} ;;`;
  });
  return below.length > 0 ? [`      ${quoted(`${path} 0`)}) ${assigned(first)} ;;`, ...cases] : cases;
}
