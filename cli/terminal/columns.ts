/** `--columns text=review,pair=reply`: which columns of a table hold what. */
import { InvalidArgumentError, Option } from 'commander';

/** The option for tables in which columns of the `needed` kinds are named, and perhaps one for a `second` text. */
export function columnsOption(needed: readonly string[], second: string): Option {
  const kinds = [...needed, second];
  return new Option('--columns <names>', `columns of a table: ${named(kinds)}`).argParser((text) => {
    const parts = text.split(',').map((part) => {
      const [kind, ...name] = part.split('=');
      return [kind!, name.join('=')] as const; // a column's own name may have a "=" in it
    });
    if (parts.some(([kind, name]) => !kinds.includes(kind) || name === ''))
      throw new InvalidArgumentError(`Expected ${named(needed)}, with ${named([second])} for a second text.`);
    if (new Set(parts.map(([kind]) => kind)).size < parts.length)
      throw new InvalidArgumentError(`Expected each of ${kinds.join(', ')} once.`);
    return Object.fromEntries(parts);
  });
}

function named(kinds: readonly string[]): string {
  return kinds.map((kind) => `${kind}=NAME`).join(',');
}
