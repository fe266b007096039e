/**
 * A reporter for vitest: keeps the names of the test files that are not over in the file that $GOWIDE_UNFINISHED names.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

const open = new Set();
const write = () => writeFileSync(process.env.GOWIDE_UNFINISHED, JSON.stringify([...open]));

export default class Unfinished {
  onTestRunStart(files) {
    files.forEach(({ moduleId }) => open.add(relative(process.cwd(), moduleId)));
    write();
  }

  onTestModuleEnd({ moduleId }) {
    open.delete(relative(process.cwd(), moduleId));
    write();
  }
}
