/** The faults that tests must notice. Each was once put in by hand; most had passed every check. */
import type { Mutant } from './mutant.js';

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'watch listens on every interface',
    file: 'reports/page/watch.ts',
    find: "server.listen(port, '127.0.0.1', resolve)",
    replace: "server.listen(port, '0.0.0.0', resolve)",
    noticedBy: { selftest: 'watch', percent: 3 },
  },
];
