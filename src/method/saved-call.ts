/** The state of a call of `threeStage` in a folder: what it was called with, the trained wide net, the last step. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../core/errors.js';
import { arraysOf } from '../core/host-array.js';
import type { Snapshot } from '../core/run.js';
import type { HostWeights } from '../nn/network.js';
import { makeFolder } from '../store/atomic.js';
import { readSafetensors, writeSafetensors } from '../store/safetensors.js';
import { SaveInterval } from '../store/save-interval.js';
import { fromArrays, toArrays } from './weights.js';

/** Which of the two trainings a state belongs to. */
export type SavedStage = 'wide' | 'thin';

/** Files of a call's state. */
export class SavedCall {
  private readonly interval = new SaveInterval();

  /** `call` says what the call was made with. */
  constructor(
    private readonly folder: string,
    private readonly call: string,
  ) {
    makeFolder(folder);
  }

  private path(name: string): string {
    return join(this.folder, `${name}.safetensors`);
  }

  private open(name: string): { readonly arrays: Snapshot['arrays']; readonly position: string } | undefined {
    const path = this.path(name);
    if (!existsSync(path)) return undefined;
    const { tensors, metadata } = readSafetensors(path);
    if (metadata.call !== this.call)
      throw new UsageError(`${path}: the state of a call with other options; give another folder, or delete it`);
    return { arrays: arraysOf([Float32Array, Float64Array], tensors, path), position: metadata.position ?? '' };
  }

  /** The state in the middle of a training; undefined where there is none. Throws UsageError on another call's. */
  read(stage: SavedStage): Snapshot | undefined {
    return this.open(`${stage}-last`);
  }

  /** Writes the state in the middle of a training. */
  write(stage: SavedStage, { arrays, position }: Snapshot): void {
    this.interval.save(() => writeSafetensors(this.path(`${stage}-last`), arrays, { call: this.call, position }));
  }

  /** Whether it is time to save. */
  isDue(): boolean {
    return this.interval.isDue();
  }

  /** The trained wide net; undefined where it is not trained yet. */
  wide(): HostWeights | undefined {
    const found = this.open('wide');
    return found && fromArrays(found.arrays);
  }

  /** Keeps the trained wide net. */
  keepWide(weights: HostWeights): void {
    writeSafetensors(this.path('wide'), toArrays(weights), { call: this.call });
  }
}
