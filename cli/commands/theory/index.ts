import { Command } from 'commander';
import type { Commands } from '../../terminal/group.js';

/** `gowide theory`: the group of what computes with particles alone. */
export function command(): Command {
  return new Command('theory').description('mean-field studies, in float64');
}

/** The commands below `gowide theory`, each loaded when it is asked for. */
export const commands: Commands = {
  list: () => import('./list.js'),
  run: () => import('./run.js'),
  simulate: () => import('./simulate.js'),
  limit: () => import('./limit.js'),
  exact: () => import('./exact.js'),
};
