/** Sections of the page, in their order, and the words above each. */
import { entryOf, registerOwn } from '../../src/core/registry.js';

/** What stands above the claims and figures of a section; `text` is HTML. */
export interface Section {
  /** The group of experiments that stands in it. */
  readonly group: string;
  readonly title: string;
  readonly text: string;
  /** Whether the laboratory, which measures the theory's laws in the reader's browser, follows its first figure. */
  readonly laboratory?: boolean;
}

/** Sections under the groups of experiments that stand in them; `cost` has figures of several groups. */
export const SECTIONS: Record<string, Section> = {
  theory: {
    group: 'theory',
    title: 'Theory',
    text:
      'A deep net of particles, z<sub>l</sub> = α z<sub>l−1</sub> + (c/m) Σ b<sub>i</sub> ' +
      'tanh(a<sub>i</sub>·z<sub>l−1</sub> + β<sub>i</sub>), simulated in float64. B is the wide net (M particles per ' +
      'layer), S a thin one (m particles).',
    laboratory: true,
  },
  resnet: {
    group: 'resnet',
    title: 'ResNet',
    text:
      'Bottleneck residual networks on 10,000 real handwritten digits at 14 × 14 pixels; the wide net has more ' +
      'channels in the 3 × 3 convolutions only. Plain nets, a hierarchical grammar, Fashion-MNIST and CIFAR-10 beside ' +
      'them. ResNet-50 and ResNet-101 on ImageNet were not run here.',
  },
  bert: {
    group: 'bert',
    title: 'BERT',
    text:
      'Post-layer-norm transformers on the definitions of WordNet; the wide net has more channels in every layer, ' +
      'and the linear maps between the two are merged. BERT_BASE and BERT_LARGE on books and Wikipedia were ' +
      'not run here.',
  },
  cost: {
    group: 'cost',
    title: 'Cost',
    text:
      'What accuracy costs: parameters of the net that is kept, and floating-point operations of all training ' +
      'that led to it.',
  },
};

/** Adds a section for a group of experiments. Throws UsageError when the group has one. */
export function registerSection(section: Section): void {
  registerOwn('section', SECTIONS, 'group', section, { group: 'string', title: 'string', text: 'string' });
}

/** The words of a section; a group without any has its name for a title. */
export function sectionOf(group: string): Section {
  return entryOf(SECTIONS, group) ?? { group, title: group, text: '' };
}

/** The groups that things belong to, in the order of the page: those that have words first. */
export function sectionNames(groups: Iterable<string>): string[] {
  const found = new Set(groups);
  return [
    ...Object.keys(SECTIONS).filter((name) => found.has(name)),
    ...[...found].filter((name) => !Object.hasOwn(SECTIONS, name)),
  ];
}
