/** The addon of tfjs-node with which recorded steps become functions: binding.cc, compiled once per machine. */
import { join } from 'node:path';
import { builtAddon, loadAddon, type AddonSource } from '../../toolchain/addon.js';
import type { Installed } from '../install/installed.js';

/**
 * Path of the addon, for the TensorFlow of this install and the package `@tensorflow/tfjs-node-gpu` in `folder`. Throws
 * FailureError with the reason when it cannot be built, or does not load. It is loaded here, before the package does it
 * again: a damaged file in the cache is built anew.
 */
export function buildBinding({ folder: root }: Installed, folder: string): string {
  const libraries = join(root, 'tensorflow');
  const names =
    process.platform === 'darwin'
      ? ['tensorflow_cc.2.dylib', 'tensorflow_framework.2.dylib']
      : ['tensorflow_cc.so.2', 'tensorflow_framework.so.2'];
  const addon: AddonSource = {
    name: 'binding',
    what: 'the addon that compiles training steps',
    without: 'steps run op by op',
    source: join(import.meta.dirname, 'binding.cc'),
    options: [
      `-I${join(libraries, 'include')}`,
      `-I${join(folder, 'binding')}`,
      ...names.map((name) => join(libraries, `lib${name}`)),
      `-Wl,-rpath,${libraries}`,
    ],
  };
  loadAddon(addon);
  return builtAddon(addon);
}
