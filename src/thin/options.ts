/** What `thin` is asked for, and the faults of numbers and of options that have no effect. */
import { UsageError } from '../core/errors.js';
import { MOST_SIDE } from '../data/picture-batches.js';
import { MOST_TOKENS } from '../data/texts.js';
import { type Arm, type ArmName, ARMS, type Tries, TRIES } from './arms.js';
import type { DataOption } from './data/form.js';
import type { Size } from './size.js';

/** What is to be made thin, on what, and how much may be spent. */
export interface ThinOptions extends Size {
  /** A Hugging Face folder, a file of weights, or a run's id: see SOURCE_FORMATS. */
  readonly model: string;
  /** Class folders, a table of texts, a JSON file: see DATA_FORMS. Left out: the data that a run was trained on. */
  readonly data?: string | undefined;
  /** Folder of the result; `gowide-thin` by default. */
  readonly out?: string | undefined;
  /** Folder in which runs are looked for by their id; `gowide-out` by default. */
  readonly runs?: string | undefined;
  /** Passes over the training data in the final run of the thin net; the recipe's where it is left out. */
  readonly epochs?: number | undefined;
  /** Passes over the training data in the final run of the wide net, where it is trained; as `epochs` by default. */
  readonly wideEpochs?: number | undefined;
  readonly batch?: number | undefined;
  /** Rates that each arm is tried with; 1 takes the recipe's without tuning. */
  readonly tries?: Tries | undefined;
  /** Whether every rival is trained to the end at the same number of steps; else one arm is chosen on the way. */
  readonly compare?: boolean | undefined;
  /** Trains the wide net on the data first although its head fits. */
  readonly finetune?: boolean | undefined;
  readonly seed?: number | undefined;
  /**
   * Unlabelled training examples by which the arm `closed-form` fits layers, at most; 600 by default. With `compare`
   * several numbers may be given: the arm is trained with each, and the card has the curve.
   */
  readonly samples?: number | readonly number[] | undefined;
  /** Side of the pictures in pixels; by default what the network is made for. */
  readonly size?: number | undefined;
  /** Tokens of an example; by default as many as the data need. */
  readonly tokens?: number | undefined;
  /** Training examples that are used, at most. */
  readonly rows?: number | undefined;
  /** Different pictures that may be unreadable, which are left out; 16 by default. */
  readonly corrupt?: number | undefined;
  /** Which columns of a table hold what: `text`, `pair`, `label`. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
}

/** Folder of the result where none is said. */
export const DEFAULT_OUT = 'gowide-thin';

/** Folder in which runs are looked for where none is said. */
export const DEFAULT_RUNS = 'gowide-out';

/** Pictures of this side where the network does not say it. */
export const DEFAULT_SIDE = 32;

/** The error of an option's value that it cannot have. */
function bad(name: string, value: unknown, expected: string): UsageError {
  return new UsageError(`${name} ${String(value)}: expected ${expected}`);
}

/** Throws UsageError, naming the option, unless a number that is given is whole and from 8 to `most`. */
function checkFromEight(name: string, value: number | undefined, most: number): void {
  if (value !== undefined && !(Number.isSafeInteger(value) && value >= 8 && value <= most))
    throw bad(name, value, `a whole number from 8 to ${most}`);
}

/** Throws UsageError where pictures cannot have a side that is asked for. */
export function checkSize(size: number | undefined): void {
  checkFromEight('size', size, MOST_SIDE);
}

/** Throws UsageError, naming the option, where a number is none that it can be. */
export function checkOptions(options: ThinOptions): void {
  const { epochs, wideEpochs, batch, rows, tokens, size, samples, seed, tries, corrupt } = options;
  for (const [name, value] of Object.entries({ epochs, wideEpochs }))
    if (value !== undefined && !(value > 0 && value < Infinity)) throw bad(name, value, 'a number above 0');
  const counts = { batch, rows };
  const all = [...Object.entries(counts), ...[samples].flat().map((one) => ['samples', one] as const)];
  for (const [name, value] of all)
    if (value !== undefined && !(Number.isSafeInteger(value) && Number(value) >= 1))
      throw bad(name, value, 'a whole number of at least 1');
  if (typeof samples === 'object' && samples.length === 0) throw bad('samples', '[]', 'at least one number');
  checkFromEight('tokens', tokens, MOST_TOKENS);
  checkSize(size);
  for (const [name, value] of Object.entries({ seed, corrupt }))
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw bad(name, value, 'a whole number of at least 0');
  if (tries !== undefined && !TRIES.includes(tries)) throw bad('tries', tries, '1, 3 or 6');
}

/** The options about data that were given. */
export function givenOf({ columns, rows, size, tokens, corrupt }: ThinOptions): DataOption[] {
  const all = Object.entries({ columns, rows, size, tokens, corrupt }) as [DataOption, unknown][];
  return all.filter(([, value]) => value !== undefined).map(([name]) => name);
}

/** Throws UsageError where an option changes nothing: `training` is why the wide net is trained, if it is. */
export function checkEffects(options: ThinOptions, training: string | undefined, arms: readonly ArmName[]): void {
  if (options.wideEpochs !== undefined && training === undefined)
    throw new UsageError(
      '--wide-epochs: has no effect, since the head of the wide net fits the data and is not trained; leave it out, or ' +
        'add --fine-tune',
    );
  if (options.samples !== undefined && !arms.some((arm) => (ARMS[arm] as Arm).usesSamples === true))
    throw new UsageError(
      `--samples: has no effect on the arms ${arms.join(', ')}; leave it out` +
        (options.compare === true ? '' : ', or add --compare'),
    );
}

/** Numbers of unlabelled examples that layers are fitted by; undefined stands for the arm's own. */
export function samplesOf({ samples }: ThinOptions): readonly (number | undefined)[] {
  return typeof samples === 'object' ? [...new Set(samples)].sort((a, b) => a - b) : [samples];
}
