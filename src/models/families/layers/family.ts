/** Networks declared layer by layer as a family: how they are made narrower, and their files. */
import { sizeOf } from '../../../core/host-array.js';
import { mismatch, refuseTexts, type Family } from '../../interface/family.js';
import { isLayersModel, openLayersModel, readLayersModel, unseenOfLayers, writeLayersModel } from './file.js';
import { graphOf, layersNetwork, LayersSpec } from './network.js';
import { layersGraph } from './onnx.js';
import { readImages, readRows } from '../../interface/predict.js';

/** The network with other numbers of channels: `change` gets those of each group that is the network's to choose. */
function withUnits(spec: LayersSpec, change: (units: number, isOutput: boolean) => number): LayersSpec {
  const { nodes, groupOf, fixed } = graphOf(spec);
  const output = groupOf(nodes.at(-1)!.value);
  return {
    ...spec,
    layers: nodes.map(({ layer, value }) => {
      const group = groupOf(value);
      if (!('units' in layer) || (fixed.has(group) && group !== output)) return layer;
      return { ...layer, units: change(layer.units, group === output) };
    }),
  };
}

/** Networks that are declared layer by layer, on images or rows of numbers. */
export const layersFamily: Family<LayersSpec> = {
  name: 'layers',
  spec: LayersSpec,
  network: layersNetwork,
  presets: {},
  checkInput: ({ input: { shape } }, { set, shape: example }) => {
    if (shape.length === 1) return mismatch(set, 'numbers', shape[0], sizeOf(example));
    const [height, width, channels] = shape;
    return (
      mismatch(set, 'channels', channels, example.at(-1)!) ??
      mismatch(set, 'rows of pixels', height, example[0]!) ??
      mismatch(set, 'columns of pixels', width, example[1]!)
    );
  },
  published: {
    read: readLayersModel,
    unseen: unseenOfLayers,
    write: writeLayersModel,
    model: {
      matches: isLayersModel,
      read: (path) => {
        const { spec, weights } = openLayersModel(path);
        return { spec, load: () => weights };
      },
    },
  },
  onnx: layersGraph,
  thinning: {
    narrow: (spec, factor) =>
      withUnits(spec, (units, isOutput) => (isOutput ? units : Math.max(1, Math.round(units * factor)))),
    withHead: (spec, facts) => {
      const { classes } = facts;
      refuseTexts(facts, 'this network reads numbers');
      return classes === undefined ? spec : withUnits(spec, (units, isOutput) => (isOutput ? classes : units));
    },
    recipe: 'sgd',
    side: ({ input: { shape } }) => (shape.length === 3 ? shape[0] : 32),
  },
  predict: (spec, tensors, source) => {
    const { shape } = spec.input;
    const network = layersNetwork(spec);
    return shape.length === 1
      ? readRows(network, shape[0], tensors, source)
      : readImages(network, shape[2], tensors, source);
  },
};
