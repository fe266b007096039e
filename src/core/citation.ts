/** How this software and the paper are cited, from CITATION.cff. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FailureError } from './errors.js';
import { packageRoot } from './package.js';

type Value = string | Value[] | { [key: string]: Value };

interface Author {
  readonly name?: string;
  readonly 'family-names'?: string;
  readonly 'given-names'?: string;
}

/** What CITATION.cff says of one work, as far as an entry of BibTeX needs it. */
interface Work {
  readonly title: string;
  readonly authors: readonly Author[];
  readonly year?: string;
  readonly version?: string;
  readonly url?: string;
  readonly 'repository-code'?: string;
  readonly 'date-released'?: string;
  readonly 'collection-title'?: string;
  /** First and last page. */
  readonly start?: string;
  readonly end?: string;
}

/** Entries of BibTeX: of the paper, and of the software at its version. */
export interface Citations {
  readonly paper: string;
  readonly software: string;
}

/** Reads CITATION.cff of the installed package. Throws FailureError where it is missing or not as expected. */
export function citations(file = join(packageRoot(), 'CITATION.cff')): Citations {
  const { references, ...software } = parseCff(readFileSync(file, 'utf8')) as unknown as Work & {
    readonly references?: readonly Work[];
  };
  const [paper] = references ?? [];
  if (paper === undefined || software.version === undefined)
    throw new FailureError(`${file}: expected a version, and the paper as the first of its references`);
  return {
    paper: entry('inproceedings', paper, {
      booktitle: paper['collection-title'],
      pages: paper.start === undefined ? undefined : `${paper.start}--${paper.end ?? paper.start}`,
      year: paper.year,
      url: paper.url,
    }),
    software: entry('software', software, {
      year: software['date-released']?.slice(0, 4),
      version: software.version,
      url: software['repository-code'],
    }),
  };
}

function entry(type: string, { title, authors }: Work, rest: Readonly<Record<string, string | undefined>>): string {
  const names = authors.map((author) =>
    author.name === undefined ? `${author['family-names']}, ${author['given-names']}` : `{${author.name}}`,
  );
  const word = /\w+/.exec(title.toLowerCase())![0];
  const key = `${(authors[0]?.['family-names'] ?? title).toLowerCase()}${rest.year ?? ''}${word}`;
  const fields = Object.entries({ title: `{${title}}`, author: names.join(' and '), ...rest })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name.padEnd(9)} = {${value}},`);
  return `@${type}{${type === 'software' ? title : key},\n${fields.join('\n')}\n}`;
}

interface Line {
  readonly indent: number;
  readonly text: string;
}

/**
 * Reads the part of YAML that a CITATION.cff is written in: mappings and lists by indentation, and values of one line.
 * Throws FailureError on anything else.
 */
function parseCff(text: string): Value {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'))
    .flatMap((line): Line[] => {
      const indent = line.length - line.trimStart().length;
      const item = /^- +(.*)$/.exec(line.trim());
      return item === null
        ? [{ indent, text: line.trim() }]
        : [
            { indent, text: '-' },
            { indent: indent + 2, text: item[1]! },
          ];
    });
  let at = 0;
  const block = (indent: number): Value => {
    const list: Value[] = [];
    const mapping: { [key: string]: Value } = {};
    while (at < lines.length && lines[at]!.indent === indent) {
      const { text: line } = lines[at++]!;
      const deeper = (): Value => block(lines[at]?.indent ?? indent);
      const pair = /^([\w-]+):(?: +(.+))?$/.exec(line);
      if (line === '-') list.push(deeper());
      else if (pair !== null) mapping[pair[1]!] = pair[2] === undefined ? deeper() : scalar(pair[2]);
      else if (list.length === 0 && Object.keys(mapping).length === 0) return scalar(line);
      else throw new FailureError(`CITATION.cff: expected "key: value" or "- value", got "${line}"`);
    }
    return list.length > 0 ? list : mapping;
  };
  return block(0);
}

function scalar(text: string): string {
  const quoted = /^'(.*)'$/.exec(text)?.[1]?.replaceAll("''", "'") ?? /^"([^"\\]*)"$/.exec(text)?.[1];
  return quoted ?? text;
}
