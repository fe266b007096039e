/** Whose the files are that a program is about to run. */
import { lstatSync } from 'node:fs';

/**
 * Why somebody else could have put one of these files or folders there, with its path; undefined where nobody could.
 * Only the user's own, and those of root, are taken; what is missing is passed over. Windows has no such owners.
 */
export function strangerIn(paths: readonly string[]): string | undefined {
  const self = process.getuid?.();
  if (self === undefined) return undefined;
  for (const path of paths) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (stat.uid !== self && stat.uid !== 0) return `${path} belongs to user ${stat.uid}`;
    if (stat.isSymbolicLink()) return `${path} is a symbolic link`;
    // many systems give every user a group of their own, which may write
    const byGroup = (stat.mode & 0o020) !== 0 && stat.gid !== process.getgid?.();
    if (byGroup || (stat.mode & 0o002) !== 0) return `${path} can be written by others`;
  }
  return undefined;
}
