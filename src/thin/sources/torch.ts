/** Networks on images in state dicts of `torch.save`: `.pth`, `.pt` and `.bin`, read without executing their pickle. */
import { pictureFile } from '../../models/folders.js';
import { readTorch } from '../../store/torch.js';
import type { SourceFormat } from './source.js';
import { isPictureFile, openTensors } from './torchvision.js';

/** State dicts of `torch.save`. */
export const torch: SourceFormat = {
  name: 'torch',
  looks: 'a state dict of a network on images (a .pth, .pt or .bin file)',
  matches: (model) => isPictureFile(model, ['.pth', '.pt', '.bin']),
  open: (given, options) => {
    const model = pictureFile(given) ?? given;
    const { tensors, key, others } = readTorch(model);
    const source = openTensors('state dict of torch', model, tensors, options, { isPlain: false });
    const taken = key === undefined ? '' : `${model}: the weights are those of "${key}"`;
    const left = others.length === 0 ? '' : `${taken === '' ? `${model}: ` : '; '}left out: ${others.join(', ')}`;
    return { ...source, notes: [...(taken + left === '' ? [] : [taken + left]), ...source.notes] };
  },
};
