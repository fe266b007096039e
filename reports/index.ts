/**
 * The report: claims with the rules that decide them, figures made of rows, sections of the page, and how a program
 * adds its own. `gowide report` has what was registered before it runs, as by `NODE_OPTIONS='--import ./mine.mjs'`.
 *
 * @packageDocumentation
 */
export { CLAIMS, decideClaims, registerClaim } from './claims/index.js';
export { type Claim, type ClaimInput } from './claims/claim.js';
export { type Band } from '../theory/studies/rule.js';
export { bandText, byBand, byInterval, CHANCE, perSeed, type Judge, type Judgement } from './claims/rules.js';
export {
  errorRate,
  negative,
  positive,
  within,
  type ClaimKind,
  type Outcome,
  type Significance,
  type Verdict,
} from './claims/verdict.js';
export { FIGURES, registerFigure } from './figures/index.js';
export {
  type Datum,
  type Draw,
  type Figure,
  type FigureDefinition,
  type FigureInput,
  type FigureSpec,
  type Finding,
  type OutcomeOf,
} from './figures/figure.js';
export { registerSection, SECTIONS, type Section } from './page/sections.js';
export { type NamedFacts } from './data/facts.js';
export { numberAt, RowError, type Curve, type Named, type TableRow } from './data/rows.js';
