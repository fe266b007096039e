/** The runs of `thin` as cells: of the wide net, and of every candidate of the thin one. */
import { join } from 'node:path';
import { CUSTOM_SCALE } from '../core/experiment.js';
import { cellId, type Cell } from '../core/run.js';
import { TRAIN_KIND } from '../method/run/required.js';
import type { TrainSpec } from '../method/spec/spec.js';
import { needsOfWide } from '../method/three-stage/pipeline.js';
import { sha256 } from '../store/seal.js';
import { type Arm, type ArmName, ARMS, OBJECTIVE, type Rates, ratesOf, type Tries } from './arms.js';
import { samplesOf } from './options.js';
import { evaluated, recipeOf } from './recipes.js';
import { settingOf, type Setup } from './setup.js';

function cellOf({ seed }: Setup, arm: string, spec: TrainSpec): Cell {
  return {
    experiment: 'thin',
    arm,
    scale: CUSTOM_SCALE,
    kind: TRAIN_KIND,
    spec: spec as unknown as Cell['spec'],
    seed,
  };
}

/** The run that trains the wide net on the data, from its own weights, for so many steps. */
export function wideCellOf(setup: Setup, rate: number, steps: number): Cell {
  const { spec, begun, wide, source, base, batch } = setup;
  const recipe = evaluated(recipeOf(base, batch, steps, rate), setup.data.validation.count);
  return cellOf(setup, `wide ${rate}`, {
    data: spec,
    network: wide,
    pretrained: { network: begun, weights: source.weights },
    teacher: null,
    start: 'random',
    imitation: null,
    training: { ...recipe, objective: { ...OBJECTIVE, labels: 1 } },
  });
}

/** The run that trains the thin net by an arm, for so many steps; `weights` are the wide net's. */
export function thinCellOf(setup: Setup, weights: string, { arm, rates, samples }: Candidate, steps: number): Cell {
  const procedure = (ARMS[arm] as Arm).procedure(settingOf(setup, steps, samples), rates);
  return cellOf(setup, `${nameOf({ arm, samples })} ${Object.values(rates).join(' ')}`, {
    data: setup.spec,
    network: setup.thin,
    teacher: needsOfWide(procedure).length > 0 ? { network: setup.wide, weights } : null,
    ...procedure,
  });
}

/**
 * Where the trained wide net is kept, as training specs name it. One that is trained on other data or for longer has
 * another name, so that thin nets find what they were trained by.
 */
export function wideWeights(setup: Setup): string {
  const { work, source, training, steps } = setup;
  if (training === undefined) return source.weights;
  const ids = wideRates(setup).map((rate) => cellId(wideCellOf(setup, rate, steps.wide)));
  return join(work, `wide-${sha256(ids.join()).slice(0, 12)}.safetensors`);
}

/** Rates that the wide net is tried with. */
export function wideRates({ base, tries }: Setup): number[] {
  return tries === 1
    ? [base.rates.wide]
    : [1 / 3, 1, 3].map((factor) => Number((base.rates.wide * factor).toPrecision(2)));
}

/** A candidate of the thin net's tuning. */
export interface Candidate {
  readonly arm: ArmName;
  readonly rates: Rates;
  /** Unlabelled examples that its layers are fitted by, where several numbers are compared. */
  readonly samples?: number;
}

/** Pools of candidates, each of which gives one trained thin net: one for all arms, or one for each arm. */
export function poolsOf({ arms, base, tries, options }: Setup): Candidate[][] {
  const candidates = (arm: ArmName, count: Tries): Candidate[] =>
    ratesOf(ARMS[arm], base.rates, count).map((rates) => ({ arm, rates }));
  if (options.compare === true)
    return arms.flatMap((arm): Candidate[][] =>
      (ARMS[arm] as Arm).usesSamples === true && typeof options.samples === 'object'
        ? samplesOf(options).map((samples) => candidates(arm, tries).map((one) => ({ ...one, samples: samples! })))
        : [candidates(arm, tries)],
    );
  // an arm with two rates gets more candidates than one with one, of which three are as dense a grid
  return [arms.flatMap((arm) => candidates(arm, tries === 6 && !ARMS[arm].imitates ? 3 : tries))];
}

/** An arm with what tells it from others of its name. */
export function nameOf({ arm, samples }: { readonly arm: ArmName; readonly samples?: number | undefined }): string {
  return samples === undefined ? arm : `${arm} by ${samples}`;
}

/** The wide net's run at one of the rates, where it has any, and the run of every candidate, of full length. */
export function cellsOf(setup: Setup): Cell[] {
  const weights = wideWeights(setup);
  const wide = setup.training === undefined ? [] : [wideCellOf(setup, wideRates(setup)[0]!, setup.steps.wide)];
  const candidates = poolsOf(setup).flat();
  return [...candidates.map((one) => thinCellOf(setup, weights, one, setup.steps.thin)), ...wide];
}
