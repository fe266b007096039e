/** The addon of tfjs-node with which recorded steps become functions: binding.cc, compiled once per machine. */
import { join } from 'node:path';
import { builtAddon, loadAddon, type AddonSource } from '../../toolchain/addon.js';
import type { Installed } from '../install/installed.js';

/** The addon, for the TensorFlow of this install and the package `@tensorflow/tfjs-node-gpu` in `folder`. */
export function bindingOf({ headers, libraries }: Installed, folder: string): AddonSource {
  return {
    name: 'binding',
    what: 'the addon that compiles training steps',
    without: 'steps run op by op',
    source: join(import.meta.dirname, 'binding.cc'),
    options: [`-I${headers}`, `-I${join(folder, 'binding')}`],
    libraries,
  };
}

/**
 * Path of the addon, for the TensorFlow of this install and the package `@tensorflow/tfjs-node-gpu` in `folder`. Throws
 * FailureError with the reason when it cannot be built, or does not load. It is loaded here, before the package does it
 * again: a damaged file in the cache is built anew.
 */
export function buildBinding(installed: Installed, folder: string): string {
  const addon = bindingOf(installed, folder);
  loadAddon(addon);
  return builtAddon(addon);
}
