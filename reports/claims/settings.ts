/** Settings in which claims are asked: the columns of the matrix of verdicts. */
import { entryOf } from '../../src/core/registry.js';
import { REGIMES, slug } from './regimes.js';

/** What a column is called, and what stands above it and its neighbors. */
export interface Setting {
  readonly label: string;
  readonly group: string;
  /** Whether the label alone says which setting it is, without the group above it. */
  readonly alone?: boolean;
}

/** The setting of claims that name none. */
export const OTHER_SETTING = 'other';

/** The settings with a skip connection and without, called as arms of the theory are. */
function perRegime(prefix: string, group: string): Record<string, Setting> {
  return Object.fromEntries(REGIMES.map((regime) => [`${prefix}${slug(regime)}`, { label: regime.label, group }]));
}

/** Settings in the order of the columns; a claim may name another one, which comes last under its own name. */
export const SETTINGS: Readonly<Record<string, Setting>> = {
  ...perRegime('', 'particles'),
  [OTHER_SETTING]: { label: 'other', group: 'particles' },
  digits: { label: 'digits', group: 'ResNets', alone: true },
  'fashion-mnist': { label: 'Fashion', group: 'ResNets', alone: true },
  cifar: { label: 'CIFAR', group: 'ResNets', alone: true },
  strings: { label: 'strings', group: 'ResNets', alone: true },
  ...perRegime('tanh-', 'tanh nets'),
  'plain-16': { label: '16 layers', group: 'tanh nets' },
  'plain-32': { label: '32 layers', group: 'tanh nets' },
  bert: { label: 'glosses', group: 'BERTs' },
  sst2: { label: 'SST-2', group: 'BERTs' },
  squad: { label: 'SQuAD', group: 'BERTs' },
};

/** The words for a setting; one that is not declared has its name for a label. */
export function settingOf(name: string): Setting {
  return entryOf(SETTINGS, name) ?? { label: name, group: 'others' };
}

/** Settings in the order of the columns: those that are declared first. */
export function settingNames(names: Iterable<string>): string[] {
  const found = new Set(names);
  const declared = Object.keys(SETTINGS);
  return [...declared.filter((name) => found.has(name)), ...[...found].filter((name) => !declared.includes(name))];
}
