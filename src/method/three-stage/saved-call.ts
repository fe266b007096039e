/** The state of a call of `threeStage` in a folder: what it was called with, the trained wide net, the last step. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.js';
import { arraysOf } from '../../core/host-array.js';
import type { Snapshot } from '../../core/run.js';
import type { HostWeights } from '../../nn/network.js';
import { makeFolder } from '../../store/atomic.js';
import { readMetadata, readSafetensors, writeSafetensors } from '../../store/safetensors.js';
import { SaveInterval } from '../../store/save-interval.js';
import { differingOption } from './agree.js';
import { fromArrays, toArrays } from '../values/weights.js';

/** Which of the two trainings a state belongs to. */
export type SavedStage = 'wide' | 'thin';

/** What a folder may have of a call. */
const FILES = ['wide-last', 'wide', 'thin-last'] as const;

/** Files of a call's state. */
export class SavedCall {
  private readonly interval = new SaveInterval();

  private readonly call: string;

  /**
   * `call` says what the call was made with, in plain values. Throws UsageError where the folder has the state of
   * another call.
   */
  constructor(
    private readonly folder: string,
    call: Readonly<Record<string, unknown>>,
  ) {
    this.call = JSON.stringify(call);
    makeFolder(folder);
    for (const name of FILES)
      if (existsSync(this.path(name))) this.check(this.path(name), readMetadata(this.path(name)));
  }

  private path(name: string): string {
    return join(this.folder, `${name}.safetensors`);
  }

  private check(path: string, metadata: Readonly<Record<string, string>>): void {
    if (metadata.call !== this.call)
      throw new UsageError(
        `${path}: the state of a call with other options${this.firstOther(metadata.call)}; give another folder, or ` +
          'delete it',
      );
  }

  private open(name: string): { readonly arrays: Snapshot['arrays']; readonly position: string } | undefined {
    const path = this.path(name);
    if (!existsSync(path)) return undefined;
    const { tensors, metadata } = readSafetensors(path);
    this.check(path, metadata);
    return { arrays: arraysOf([Float32Array, Float64Array], tensors, path), position: metadata.position ?? '' };
  }

  /** Which option is another one than in the call that a state is of, in brackets. */
  private firstOther(call = '{}'): string {
    try {
      const name = differingOption(JSON.parse(this.call), JSON.parse(call));
      return name === undefined ? '' : ` (${name})`;
    } catch {
      return ''; // no text of this program
    }
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
