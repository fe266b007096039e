/** Trained networks from files in the names under which they are published. */
import { UsageError } from '../core/errors.js';
import { importHuggingFace } from '../models/huggingface.js';
import type { NetworkSpec } from '../models/index.js';
import { readTorchvision } from '../models/torchvision.js';
import type { HostWeights } from '../nn/network.js';
import { readSafetensors } from '../store/safetensors.js';

/** Throws UsageError for a family that has no published format, and for weights of another network. */
export function readWeights(path: string, model: NetworkSpec): HostWeights {
  if (model.family === 'resnet') return readTorchvision(path, model);
  if (model.family === 'bert') return importHuggingFace(model, readSafetensors(path).tensors, path);
  throw new UsageError(
    `${path}: weights can be read for ResNets and BERTs only, the model is of the family "${model.family}"`,
  );
}
