/** A folder as users have one: programs of theirs, which import this package by its name. */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../..');

/** Makes the folder, with this package and zod installed in it. */
export function userFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gowide-user-'));
  mkdirSync(join(folder, 'node_modules'));
  // a junction needs no rights on Windows, and other systems have one sort of link
  symlinkSync(ROOT, join(folder, 'node_modules/go-wide-then-narrow'), 'junction');
  symlinkSync(join(ROOT, 'node_modules/zod'), join(folder, 'node_modules/zod'), 'junction');
  return folder;
}

/** Writes a program into the folder; returns its path. */
export function program(folder: string, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The environment in which every command begins with what a program registers. */
export function beginningWith(file: string): NodeJS.ProcessEnv {
  return { ...process.env, NODE_OPTIONS: `--import ${pathToFileURL(file).href}` };
}
