/** `--columns text=review,pair=reply`: which columns of a table hold what. */
import { InvalidArgumentError, Option } from 'commander';

/** What a column may hold. */
type Kind = 'text' | 'pair' | 'label';

/** The option for tables with columns of these kinds. */
export function columnsOption(kinds: readonly Kind[]): Option {
  const names = kinds.map((kind) => `${kind}=NAME`);
  return new Option('--columns <names>', `columns of a table: ${names.join(',')}`).argParser((text) =>
    columns(text, kinds),
  );
}

function columns(text: string, kinds: readonly Kind[]): Record<string, string> {
  const parts = text.split(',').map((part) => {
    const [what, ...name] = part.split('=');
    return [what!, name.join('=')] as const; // a column's own name may have a "=" in it
  });
  if (parts.some(([what, name]) => !(kinds as readonly string[]).includes(what) || name === '')) {
    const needed = kinds.filter((kind) => kind !== 'pair').map((kind) => `${kind}=NAME`);
    throw new InvalidArgumentError(`Expected ${needed.join(',')}, with pair=NAME for a second text.`);
  }
  const names = parts.map(([what]) => what);
  if (new Set(names).size < names.length) throw new InvalidArgumentError(`Expected each of ${kinds.join(', ')} once.`);
  return Object.fromEntries(parts);
}
