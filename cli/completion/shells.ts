/** The registry of shells whose command lines can be completed. */
import { bashCompletion } from './bash.js';
import { fishCompletion } from './fish.js';
import type { CommandModel } from './model.js';
import { zshCompletion } from './zsh.js';

/** A shell: how its script is written, and how a user has it read. */
export interface Shell {
  readonly script: (commands: readonly CommandModel[]) => string;
  /** The line that sets it up for good. */
  readonly setUp: string;
}

/** Every shell. A new one is a file and a line here. */
export const SHELLS: Readonly<Record<string, Shell>> = {
  bash: { script: bashCompletion, setUp: 'gowide completion bash > ~/.local/share/bash-completion/completions/gowide' },
  zsh: { script: zshCompletion, setUp: 'gowide completion zsh > "${fpath[1]}/_gowide"' },
  fish: { script: fishCompletion, setUp: 'gowide completion fish > ~/.config/fish/completions/gowide.fish' },
};
