/** Experiments as help lists them, and as arguments and options name them. */
import { Option } from 'commander';
import type { Experiment } from '../../src/core/experiment.js';
import { choiceLines, namedOption, NamedArgument } from './choices.js';

type Groups = Readonly<Record<string, readonly Experiment[]>>;

/** Names of experiments, a line for each group. */
export function experimentList(groups: Groups): string {
  return `\nExperiments:\n${choiceLines(namesByGroup(groups))}`;
}

/** The group of experiments that a command takes. */
export function groupArgument(groups: Groups): NamedArgument {
  return new NamedArgument('group', 'which experiments, by what is trained', namesByGroup(groups));
}

/** `--experiment`, with the names of all groups. */
export function experimentOption(groups: Groups): Option {
  const names = Object.values(groups).flatMap((group) => group.map(({ name }) => name));
  const option = new Option('--experiment <name>', 'one of the group (default: its main one)');
  return namedOption(option, names);
}

function namesByGroup(groups: Groups): Record<string, string> {
  return Object.fromEntries(
    Object.entries(groups).map(([group, experiments]) => [group, experiments.map(({ name }) => name).join(', ')]),
  );
}
