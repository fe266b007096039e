/** Every form of data that `gowide thin` reads. */
import { existsSync } from 'node:fs';
import { UsageError } from '../../core/errors.js';
import { registerOwn } from '../../core/registry.js';
import { declared } from './declared.js';
import type { DataForm, DataOption, FormOptions, Found } from './form.js';
import { pictures } from './pictures.js';
import { questions } from './questions.js';
import { tables } from './tables.js';
import { texts } from './texts.js';

/** Forms of data by name, in the order in which they are tried. To add one: a file and a line here. */
export const DATA_FORMS: Record<string, DataForm> = { declared, tables, questions, texts, pictures };

/** Adds a form from outside this folder. Throws UsageError when its name is taken, or a member is missing. */
export function registerDataForm(form: DataForm): void {
  registerOwn('form of data', DATA_FORMS, 'name', form, {
    name: 'string',
    looks: 'string',
    matches: 'function',
    open: 'function',
  });
}

function readsOf(vocabulary: FormOptions['vocabulary']): 'texts' | 'pictures' {
  return vocabulary === undefined ? 'pictures' : 'texts';
}

/** What data look like that a network with this vocabulary can be given, or one that reads pictures, for messages. */
export function expectedData(vocabulary: FormOptions['vocabulary']): string {
  const forms = Object.values(DATA_FORMS).filter(({ reads = readsOf(vocabulary) }) => reads === readsOf(vocabulary));
  return `expected ${forms.map(({ looks }) => looks).join('; or ')}`;
}

/** What is at a path that no form fits. */
function unfit(path: string, vocabulary: FormOptions['vocabulary']): string {
  if (!existsSync(path)) return `${path}: not found`;
  const reads = readsOf(vocabulary);
  const others = Object.values(DATA_FORMS).filter((form) => form.reads !== undefined && form.reads !== reads);
  const [called] = others.map((form) => form.called?.(path)).filter((one) => one !== undefined);
  return called === undefined
    ? `${path}: no data for a network that reads ${reads}`
    : `${path} is ${called}, and the network reads ${reads}`;
}

/**
 * The data at a path, as a declaration; `given` are the options that the user gave. Throws UsageError where no form
 * fits the path and the network, or where the form has no use for such an option.
 */
export function findData(path: string, options: FormOptions, given: readonly DataOption[] = []): Found {
  const form = Object.values(DATA_FORMS).find((one) => one.matches(path, options));
  if (form !== undefined) {
    const other = given.find((option) => form.heeds?.includes(option) === false);
    if (other !== undefined) throw new UsageError(`--${other}: has no effect on ${path}, ${form.looks}; leave it out`);
    return form.open(path, options);
  }
  throw new UsageError(`${unfit(path, options.vocabulary)}; ${expectedData(options.vocabulary)}`);
}
