/** The registry of benches. */
import type { Bench } from './bench.js';
import { bertBase } from './bert-base.js';
import { particles } from './particles.js';
import { resnet50 } from './resnet50.js';
import { small } from './small.js';
import { sweep } from './sweep.js';

/** Every bench, in the order in which help lists them. A new one is a file and a line here. */
export const BENCHES: Readonly<Record<string, Bench>> = { particles, small, sweep, resnet50, 'bert-base': bertBase };
