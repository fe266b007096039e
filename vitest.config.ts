import { existsSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { defineConfig, type Plugin, type TestProjectInlineConfiguration } from 'vitest/config';
import { withSlashes } from './src/core/folder.js';

const ROOT = import.meta.dirname;

/** Where a build puts each compiled source, at its own path; as Vite calls files, with `/` on every system. */
const DIST = `${withSlashes(ROOT)}/dist/`;
const IN_DIST = new RegExp(`^${DIST.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?:src|theory|experiments|reports|cli)/`);

/** Has tests import what was built of a source where they name the source; Node loads it as it is. */
const BUILT: Plugin = {
  name: 'built',
  enforce: 'pre',
  resolveId(source, importer) {
    if (!source.startsWith('.') || importer === undefined) return undefined;
    const built = join(ROOT, 'dist', relative(ROOT, resolve(dirname(importer), source)));
    return IN_DIST.test(withSlashes(built)) && existsSync(built) ? built : undefined;
  },
};

/**
 * Files that share a process, one after the other: modules are loaded and engines are started once for all of them,
 * which halves what most of them take. They leave the process as they found it: test/support/shared-process.ts looks
 * at the settings and the working folder, and they pass in any order (`--project shared --sequence.shuffle.files`).
 */
const SHARED = [
  ...[
    ...['core', 'data', 'docs', 'engine/trace', 'experiments', 'method', 'metrics', 'models', 'mutants', 'nn', 'optim'],
    ...['reports', 'store', 'text', 'theory', 'thin'],
  ].map((folder) => `${folder}/**/*`),
  'cli/{columns,completion,cpus,exchange,frontier,help,outputs,plan,report,runs,scales,wrong-use}',
  'engine/{depthwise,fused,known-losses,ops,rounding,webassembly,windows,with-gradient}',
  'sweep/{address,order,progress,shard}',
].map((files) => `test/${files}.test.ts`);

/** Files of those folders that have a process of their own all the same. */
const ALONE = [
  // what they register stays registered
  'test/data/index.test.ts',
  'test/experiments/registered.test.ts',
  'test/models/registry.test.ts',
  'test/optim/losses.test.ts',
  'test/theory/{exact,registered-study,studies}.test.ts',
  // all of their tests prepare texts in a cache of the file's own
  'test/method/{resumed,traced,workers}.test.ts',
  'test/thin/data.test.ts',
  // long by themselves
  'test/method/train.test.ts',
  'test/models/{bert,resnet-weights}.test.ts',
  'test/reports/browser.test.ts',
  // the memory of the process is measured
  'test/store/memory.test.ts',
];

/** Files of tests that are run alike. */
interface Files {
  readonly name: string;
  readonly include: string[];
  readonly exclude?: string[];
  readonly isShared?: boolean;
}

function project({ isShared = false, ...files }: Files, isBuilt: boolean): TestProjectInlineConfiguration {
  return {
    plugins: isBuilt ? [BUILT] : [],
    test: {
      ...files,
      ...(isBuilt && { server: { deps: { external: [IN_DIST] } } }),
      pool: 'forks',
      isolate: !isShared,
      setupFiles: ['test/support/equality.ts', ...(isShared ? ['test/support/shared-process.ts'] : [])],
      // The leak test collects garbage before it reads the process's memory.
      execArgv: ['--expose-gc'],
      // several times what they need: a busy machine is no failure
      testTimeout: 300_000,
      hookTimeout: 300_000,
      env: { TF_CPP_MIN_LOG_LEVEL: '3' },
    },
  };
}

/**
 * `npm test` runs the tests on what it has built (mode `built`), which takes a tenth less than compiling every source
 * for the processes of the tests; `npx vitest` runs them on the sources, for whoever is changing these.
 */
export default defineConfig(({ mode }) => {
  const isBuilt = mode === 'built';
  return {
    test: {
      globalSetup: 'test/support/temporary-folder.ts',
      // One more than the cores of a small machine: many tests wait for processes that they start.
      maxWorkers: 3,
      // those that take long, which start the program, are in the first: the order is that of the names
      projects: [
        project({ name: 'a process each', include: ['test/**/*.test.ts'], exclude: SHARED }, isBuilt),
        project({ name: 'alone', include: ALONE }, isBuilt),
        project({ name: 'shared', include: SHARED, exclude: ALONE, isShared: true }, isBuilt),
      ],
    },
  };
});
