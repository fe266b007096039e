/** How users call the splits of their data, and what is set aside where they have none. */

/** Names of the files or folders of each split, the first that is found being taken. */
export const SPLIT_NAMES = {
  train: ['train'],
  validation: ['val', 'valid', 'validation', 'dev'],
  test: ['test'],
} as const;

/** Shares that are set aside where there is no file or folder for them: of all examples, and of those that are left. */
export const HELD_OUT = { test: 0.2, validation: 0.1 } as const;
