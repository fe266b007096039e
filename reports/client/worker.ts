/** The laboratory's worker: gets the kernel, then settings; answers with points. */
import type { Setting } from './experiment.js';
import { explore } from './explore.js';
import { startKernel } from './kernel.js';

interface Ask {
  readonly kernel?: Uint8Array;
  readonly setting?: Setting;
}

const port = self as unknown as {
  onmessage: ((event: MessageEvent<Ask>) => void) | null;
  postMessage: (message: unknown) => void;
};

port.onmessage = ({ data: { kernel, setting } }) => {
  try {
    if (kernel !== undefined) startKernel(kernel);
    if (setting === undefined) return;
    explore(
      setting,
      (point) => port.postMessage({ point }),
      (law, x) => port.postMessage({ exploded: { law, x } }),
    );
    port.postMessage({ done: true });
  } catch (error) {
    port.postMessage({ error: error instanceof Error ? error.message : String(error) });
  }
};
