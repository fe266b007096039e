import { Command } from 'commander';
import type { Commands } from '../../terminal/group.js';

/** `gowide runs`: the group of what is done with runs on disk. */
export function command(): Command {
  return new Command('runs').description('what was run');
}

/** The commands below `gowide runs`, each loaded when it is asked for. */
export const commands: Commands = {
  list: () => import('./list.js'),
  show: () => import('./show.js'),
  export: () => import('./export.js'),
  resume: () => import('./resume.js'),
  merge: () => import('./merge.js'),
  verify: () => import('./verify.js'),
  gc: () => import('./gc.js'),
};
