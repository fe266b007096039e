/** MobileNetV2 as a family: the published one, its weights, its variants. */
import { UsageError } from '../../../core/errors.js';
import type { HostArrays, HostValues } from '../../../core/host-array.js';
import { fileMetadata, torchLeaf } from '../../formats/exchange.js';
import { classHead, mismatch, variedBy, type Family } from '../../interface/family.js';
import { mobilenet, MobilenetSpec } from './network.js';
import { mobilenetGraph } from './onnx.js';
import { readImages } from '../../interface/predict.js';
import { expansionOf, exportNamed, importNamed } from '../../formats/convolutional-weights.js';
import { readSafetensors, writeSafetensors } from '../../../store/safetensors.js';

/** Sandler et al. 2018, table 2: expansion, channels, blocks, stride. */
const PUBLISHED = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

const MOBILENET_V2: MobilenetSpec = {
  family: 'mobilenet',
  stem: { channels: 32, stride: 2 },
  stages: PUBLISHED.map(([expansion, channels, blocks, stride]) => ({ expansion, channels, blocks, stride })),
  features: 1280,
  dropout: 0.2,
  classes: 1000,
  channels: 3,
};

/** What torchvision calls a network's parameters: `features.3.conv.1.0.weight` is a depthwise kernel of block 3. */
export function mobilenetNames({ stages }: MobilenetSpec): (path: string) => string {
  const starts = stages.map((_, s) => stages.slice(0, s).reduce((sum, { blocks }) => sum + blocks, 1));
  const last = stages.reduce((sum, { blocks }) => sum + blocks, 1);
  const fixed: Readonly<Record<string, string>> = {
    'stem/conv': 'features.0.0',
    'stem/norm': 'features.0.1',
    'features/conv': `features.${last}.0`,
    'features/norm': `features.${last}.1`,
    head: 'classifier.1',
  };
  return (path) => {
    const layer = path.slice(0, path.lastIndexOf('/'));
    const leaf = torchLeaf(path);
    const found = /^stage(\d+)\/block(\d+)\/(conv|norm)(\d)$/.exec(layer);
    if (found === null) return `${fixed[layer]!}.${leaf}`;
    const [stage, block, kind, part] = [Number(found[1]) - 1, Number(found[2]) - 1, found[3]!, Number(found[4])];
    const at = part - (stages[stage]!.expansion === 1 ? 2 : 1);
    // the last convolution and its norm stand beside each other there, the others in a module with their nonlinearity
    const inside = part < 3 ? `${at}.${kind === 'conv' ? 0 : 1}` : `${at + (kind === 'conv' ? 0 : 1)}`;
    return `features.${starts[stage]! + block}.conv.${inside}.${leaf}`;
  };
}

/** The nearest multiple of 8 that is at least 8 and takes no more than a tenth away, as torchvision rounds channels. */
function divisible(channels: number): number {
  const rounded = Math.max(8, Math.floor((channels + 4) / 8) * 8);
  return rounded < 0.9 * channels ? rounded + 8 : rounded;
}

/** All channels times a factor, as torchvision's `width_mult`; the last convolution is never narrower. */
export function scaleMobilenet(spec: MobilenetSpec, factor: number): MobilenetSpec {
  return {
    ...spec,
    stem: { ...spec.stem, channels: divisible(spec.stem.channels * factor) },
    stages: spec.stages.map((stage) => ({ ...stage, channels: divisible(stage.channels * factor) })),
    features: divisible(spec.features * Math.max(1, factor)),
  };
}

/**
 * The MobileNetV2 of the published stages whose weights these tensors are, of whatever widths; undefined where they are
 * not one's. Throws UsageError where its blocks are others: their strides are in no tensor.
 */
function mobilenetIn(tensors: HostArrays<HostValues>, source: string): MobilenetSpec | undefined {
  const shape = (name: string): readonly number[] | undefined => tensors[name]?.shape;
  const [stem, first] = [shape('features.0.0.weight'), shape('features.1.conv.0.0.weight')];
  if (stem === undefined || first === undefined) return undefined;
  const need = (name: string): readonly number[] => {
    const found = shape(name);
    if (found !== undefined) return found;
    throw new UsageError(
      `${source}: no tensor "${name}"; expected the blocks of the published MobileNetV2, of any width: ` +
        'strides of others are not in the file',
    );
  };
  const { stages } = MOBILENET_V2;
  let [at, reads] = [1, stem[0]!];
  const found = stages.map((stage) => {
    const hasInner = stage.expansion !== 1;
    const channels = need(`features.${at}.conv.${hasInner ? 2 : 1}.weight`)[0]!;
    const inner = Array.from(
      { length: stage.blocks },
      (_, b) => [b === 0 ? reads : channels, need(`features.${at + b}.conv.0.0.weight`)[0]!] as const,
    );
    const expansion = hasInner ? expansionOf(inner) : 1;
    [at, reads] = [at + stage.blocks, channels];
    return { ...stage, channels, expansion };
  });
  const [features, channels] = [need(`features.${at}.0.weight`)[0]!, stem[1]!];
  return {
    ...MOBILENET_V2,
    ...{ stem: { channels: stem[0]!, stride: MOBILENET_V2.stem.stride }, stages: found, features, channels },
    classes: need('classifier.1.weight')[0]!,
  };
}

/** MobileNetV2, on images, with torchvision's weights. */
export const mobilenetFamily: Family<MobilenetSpec> = {
  name: 'mobilenet',
  spec: MobilenetSpec,
  network: mobilenet,
  presets: { mobilenet_v2: MOBILENET_V2 },
  checkInput: ({ channels }, { set, shape }) => mismatch(set, 'channels', channels, shape.at(-1)!),
  published: {
    read: (path, spec) => importNamed(mobilenet(spec), readSafetensors(path).tensors, path, mobilenetNames(spec)),
    unseen: ({ stem, stages }) => ({
      'stem.stride': stem.stride,
      ...Object.fromEntries(stages.map(({ stride }, i) => [`stages.${i}.stride`, stride])),
    }),
    write: (path, spec, weights, more) =>
      writeSafetensors(path, exportNamed(weights, mobilenetNames(spec)), fileMetadata(spec, more)),
    naming: {
      looks: 'a MobileNetV2 in torchvision’s names (features.0.0, features.1.conv.0.0, ..., classifier.1)',
      spec: mobilenetIn,
    },
  },
  thinning: {
    narrow: scaleMobilenet,
    withHead: classHead('MobileNets read images'),
    recipe: 'sgd',
    side: ({ stem, stages }) => (stages.reduce((by, { stride }) => by * stride, Number(stem.stride)) === 32 ? 224 : 32),
  },
  onnx: mobilenetGraph,
  // no channels are to be checked: `divisible` leaves 8 of them at least, and an expansion stays at 1
  vary: variedBy(scaleMobilenet, ({ stages }, mid) => ({
    stages: stages.map((stage) => ({ ...stage, expansion: Math.max(1, stage.expansion * mid) })),
  })),
  predict: (spec, tensors, source) => readImages(mobilenet(spec), spec.channels, tensors, source),
};
