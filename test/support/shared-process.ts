/** A file of tests that shares its process with others leaves the settings and the working folder as they were. */
import { afterAll, expect } from 'vitest';

/** What a file may change, as it is now. Engines set variables of their libraries when they start, which stay. */
const state = (): unknown => ({
  folder: process.cwd(),
  settings: Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('GOWIDE_'))),
});

const before = state();
// hooks are called in the reverse order: those of the file have put back what it changed
afterAll(() => expect(state()).toEqual(before));
