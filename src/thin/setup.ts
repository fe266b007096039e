/** What is settled before the first step, and what arms depend on of it. */
import type { Dataset } from '../data/dataset.js';
import type { DataSpec } from '../data/index.js';
import { networkOf, type NetworkSpec } from '../models/index.js';
import type { ArmName, ArmSetting, Tries } from './arms.js';
import { samplesOf, type ThinOptions } from './options.js';
import type { BaseRecipe } from './recipes.js';
import type { Source } from './sources/source.js';

/** Everything that is settled before the first step. */
export interface Setup {
  readonly options: ThinOptions;
  readonly out: string;
  /** Folder of what is made on the way. */
  readonly work: string;
  readonly source: Source;
  readonly spec: DataSpec;
  readonly data: Dataset;
  /** The network of the source's files that the wide net begins with. */
  readonly begun: NetworkSpec;
  /** The wide net with the head that the data ask for, and the thin one. */
  readonly wide: NetworkSpec;
  readonly thin: NetworkSpec;
  /** Why the wide net is trained on the data first; undefined where it is taken as it is. */
  readonly training: string | undefined;
  readonly base: BaseRecipe;
  readonly batch: number;
  readonly steps: { readonly wide: number; readonly thin: number };
  readonly seed: number;
  readonly tries: Tries;
  /** Arms that are tuned, and those that cannot be, with the reason. */
  readonly arms: readonly ArmName[];
  readonly left: readonly { readonly arm: ArmName; readonly why: string }[];
  readonly notes: readonly string[];
}

/** What arms depend on, with so many steps of the thin net. */
export function settingOf(
  { options, wide, thin, batch, base, data }: Pick<Setup, 'options' | 'wide' | 'thin' | 'batch' | 'base' | 'data'>,
  steps: number,
  samples = samplesOf(options)[0],
): ArmSetting {
  const examples = { train: data.train.count, validation: data.validation.count };
  return { wide: networkOf(wide), thin: networkOf(thin), steps, batch, base, samples, examples };
}
