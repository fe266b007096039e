/** Every form of data that `gowide thin` reads. */
import { existsSync } from 'node:fs';
import { UsageError } from '../../core/errors.js';
import { register } from '../../core/registry.js';
import { declared } from './declared.js';
import type { DataForm, DataOption, FormOptions, Found } from './form.js';
import { pictures } from './pictures.js';
import { questions } from './questions.js';
import { tables } from './tables.js';
import { texts } from './texts.js';

/** Forms of data by name, in the order in which they are tried. To add one: a file and a line here. */
export const DATA_FORMS: Record<string, DataForm> = { declared, tables, questions, texts, pictures };

/** Adds a form from outside this folder. Throws UsageError when its name is taken. */
export function registerDataForm(form: DataForm): void {
  register('form of data', DATA_FORMS, form.name, form);
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
  const reads = options.vocabulary === undefined ? 'pictures' : 'texts';
  throw new UsageError(
    `${path}: ${existsSync(path) ? `no data for a network that reads ${reads}` : 'not found'}; ` +
      `expected ${Object.values(DATA_FORMS)
        .map(({ looks }) => looks)
        .join('; or ')}`,
  );
}
