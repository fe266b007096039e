/** Every format of trained networks that `gowide thin` reads. */
import { existsSync } from 'node:fs';
import { UsageError } from '../../core/errors.js';
import { registerOwn } from '../../core/registry.js';
import { whatIsAmiss } from '../../models/folders.js';
import { presetNames } from '../../models/index.js';
import { huggingFace } from './huggingface.js';
import { layers } from './layers.js';
import { run } from './run.js';
import type { OpenOptions, Source, SourceFormat } from './source.js';
import { tensorflow } from './tensorflow.js';
import { torch } from './torch.js';
import { torchvision } from './torchvision.js';

/** Formats by name, in the order in which they are tried. To add one: a file and a line here. */
export const SOURCE_FORMATS: Record<string, SourceFormat> = {
  huggingface: huggingFace,
  tensorflow,
  layers,
  torchvision,
  torch,
  run,
};

/** Adds a format from outside this folder. Throws UsageError when its name is taken, or a member is missing. */
export function registerSourceFormat(format: SourceFormat): void {
  registerOwn('source format', SOURCE_FORMATS, 'name', format, {
    name: 'string',
    looks: 'string',
    matches: 'function',
    open: 'function',
  });
}

/** The trained network at a path or of a name. Throws UsageError where no format knows it. */
export async function openSource(model: string, options: OpenOptions): Promise<Source> {
  const format = Object.values(SOURCE_FORMATS).find((one) => one.matches(model, options));
  if (format !== undefined) return format.open(model, options);
  const amiss = whatIsAmiss(model);
  if (amiss !== undefined) throw new UsageError(`${model}: ${amiss}`);
  if (presetNames().includes(model))
    throw new UsageError(
      `${model}: the name of a published network, which has no weights here; expected a file or folder with its ` +
        'weights, as torchvision, timm or Hugging Face has them (a .safetensors or .pth file, or a folder), or the id ' +
        'of a finished training run',
    );
  const known = Object.values(SOURCE_FORMATS).map(({ looks }) => looks);
  const sought = Object.values(SOURCE_FORMATS).flatMap((one) => one.soughtIn?.(model, options) ?? []);
  const what = existsSync(model) ? 'not a trained network that can be read' : ['not found', ...sought].join('; ');
  throw new UsageError(`${model}: ${what}; ` + `expected ${known.slice(0, -1).join('; ')}; or ${known.at(-1)}`);
}
