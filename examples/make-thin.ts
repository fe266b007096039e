/** A trained network from files, made thin on a user's own data: what `gowide thin` does, in a program. */
import { thin } from '../src/index.js';
import type { ThinResult } from '../src/index.js';

/** `model`: a Hugging Face folder, a ResNet's safetensors file or a run's id; `data`: a table or pictures. */
export async function makeThin(model: string, data: string, out: string): Promise<ThinResult> {
  const result = await thin({
    model,
    data,
    out,
    width: 0.5,
    epochs: 1,
    tries: 1,
    onNotice: (line) => console.warn(line),
  });
  const { wide, thin: narrow, taken } = result;
  console.warn(
    `${taken.arm}: ${narrow.test.accuracy.toFixed(1)} % with ${narrow.parameters} parameters; ` +
      `wide: ${wide.test.accuracy.toFixed(1)} % with ${wide.parameters}`,
  );
  return result;
}
