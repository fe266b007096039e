/** Every figure, in the order of the page. */
import { FRONTIERS } from '../../experiments/frontiers.js';
import { follow, registerOwn } from '../../src/core/registry.js';
import { BERT_COST_FIGURES, BERT_FIGURES } from './bert.js';
import type { FigureDefinition } from './figure.js';
import { frontierFigure } from './frontier.js';
import { PICTURE_FIGURES, RESNET_COST_FIGURES, RESNET_FIGURES } from './resnet.js';
import { HERO_FIGURES } from './hero.js';
import { THEORY_FIGURES } from './theory.js';

/** Every figure under its id. */
export const FIGURES: Record<string, FigureDefinition> = {};

/** Adds a figure under its own id. Throws UsageError when the id is taken. */
export function registerFigure(figure: FigureDefinition): void {
  registerOwn('figure', FIGURES, 'id', figure, { id: 'string', section: 'string', draw: 'function' });
}

function registerAll(figures: readonly FigureDefinition[]): void {
  for (const figure of figures) registerFigure(figure);
}

registerAll([...HERO_FIGURES, ...THEORY_FIGURES, ...RESNET_FIGURES]);
// where its claims are declared: a figure's title says what they found
follow(FRONTIERS, (frontier) => registerAll(frontier.claims === undefined ? [] : [frontierFigure(frontier)]));
registerAll([...PICTURE_FIGURES, ...BERT_FIGURES, ...RESNET_COST_FIGURES, ...BERT_COST_FIGURES]);
