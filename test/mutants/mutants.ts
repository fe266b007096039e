/** The faults that tests must notice. Each was once put in by hand; many had passed every check. */
import type { Mutant, Watcher } from './mutant.js';

const check = (selftest: string, percent = 3): Watcher => ({ selftest, percent });
const runs = (test: string): Watcher => ({ vitest: 'test/store/runs.test.ts', test });
const merging = (test: string): Watcher => ({ vitest: 'test/store/merge.test.ts', test });

const ATOMIC = 'src/store/atomic.ts';
const EXECUTE = 'src/store/execute.ts';
const FOLDER = 'src/core/folder.ts';
const LOCK = 'src/store/lock.ts';
const MERGE = 'src/store/merge.ts';
const REGULAR = 'src/store/regular.ts';
const RUNS = 'src/store/runs.ts';
const SAFETENSORS = 'src/store/safetensors.ts';
const WATCH = 'reports/page/watch.ts';

/** What is on the disk after a crash, a full disk, or a loss of power. */
const DISKS: readonly Mutant[] = [
  {
    name: 'files are written in place',
    file: ATOMIC,
    find: "  return `${path}.tmp-${process.pid}-${randomBytes(6).toString('hex')}`;",
    replace: '  rmSync(path, { force: true });\n  return path;',
    noticedBy: check('power-loss'),
  },
  {
    name: 'files are not flushed',
    file: ATOMIC,
    find: '      fsyncSync(file);\n    } finally {',
    replace: '    } finally {',
    noticedBy: check('power-loss'),
  },
  {
    name: 'names in folders are not flushed',
    file: FOLDER,
    find: "  const folder = openSync(path, 'r');",
    replace: "  if (path !== '') return;\n  const folder = openSync(path, 'r');",
    noticedBy: check('power-loss'),
  },
  {
    name: 'new folders are not flushed in their parents',
    file: FOLDER,
    find: '    syncFolder(dirname(folder));',
    replace: '',
    noticedBy: check('power-loss'),
  },
  {
    name: 'metrics are not flushed',
    file: EXECUTE,
    find: '      fsyncSync(this.metrics);\n',
    replace: '',
    noticedBy: check('power-loss'),
  },
  {
    name: 'a full disk is passed over where metrics are written',
    file: EXECUTE,
    find: "      throw asFileError(error, join(this.folder, FILES.metrics), '--out');",
    replace: '      void error;',
    noticedBy: check('io-error'),
  },
  {
    name: 'a full disk is passed over where whole files are written',
    file: ATOMIC,
    find: '    if (temporary !== undefined) rmSync(temporary, { force: true });\n    throw asFileError(error, path);',
    replace: '    if (temporary !== undefined) rmSync(temporary, { force: true });',
    noticedBy: check('io-error'),
  },
  {
    name: 'an error in the flush of a file is passed over',
    file: ATOMIC,
    find: '      fsyncSync(file);\n    } finally {',
    replace: '      try {\n        fsyncSync(file);\n      } catch {}\n    } finally {',
    noticedBy: check('io-error'),
  },
  {
    name: 'a run never goes on from its saved state',
    file: EXECUTE,
    find: '    const last = this.readLast();',
    replace: '    const last = undefined;',
    noticedBy: check('power-loss'),
  },
  {
    name: 'metrics after the saved state are not cut off',
    file: EXECUTE,
    find: 'return { snapshot, metrics: there };',
    replace: 'return { snapshot, metrics: isThere(metrics) ? readRegular(metrics, { links: false }) : there };',
    noticedBy: runs('with a torn line'),
  },
  {
    name: 'a saved state is not compared with its hash',
    file: EXECUTE,
    find: 'if (metadata.state !== stateHash(snapshot, bytes, metadata.run))',
    replace: 'if (bytes < 0)',
    noticedBy: check('damage', 10),
  },
];

/** What a store says of its runs. */
const STORES: readonly Mutant[] = [
  {
    name: 'seals are not compared',
    file: 'src/store/seal.ts',
    find: 'return given === sha256(JSON.stringify(rest));',
    replace: "return typeof given === 'string' && rest !== null;",
    noticedBy: merging('a sealed object'),
  },
  {
    name: 'arrays of a finished run are not compared with its mark',
    file: RUNS,
    find: '  checkFile(run.folder, done.files, FILES.final);\n',
    replace: '',
    noticedBy: runs('arrays'),
  },
  {
    name: 'what was changed in mid-run is sealed',
    file: EXECUTE,
    find: 'for (const name of names) checkFile(this.folder, this.files, name);',
    replace: '',
    noticedBy: runs('is not sealed as its own'),
  },
  {
    name: 'who has lost a lock writes on',
    file: LOCK,
    find: 'for (let attempt = 0; ; attempt++) {\n        const found',
    replace: 'for (let attempt = 0; attempt < 0; attempt++) {\n        const found',
    noticedBy: { vitest: 'test/store/lock.test.ts', test: 'who has lost a lock' },
  },
  {
    name: 'the lock of a process that is at work is taken over',
    file: LOCK,
    find: '      if (!isLeft(path, found)) return',
    replace: '      if (found.length === 0) return',
    noticedBy: { vitest: 'test/store/lock.test.ts', test: 'a lock is held once|of many processes' },
  },
  {
    name: 'a number that is not finite is logged',
    file: EXECUTE,
    find: '    if (bad !== undefined) {',
    replace: '    if (bad !== undefined && Number.isNaN(bad[1])) {',
    noticedBy: runs('not finite'),
  },
  {
    name: 'the result of other data is given',
    file: EXECUTE,
    find: '    if (changed !== undefined) throw changedSince(folder, changed);\n    this.resumed',
    replace: '    this.resumed',
    noticedBy: { vitest: 'test/store/inputs.test.ts', test: 'does not go on' },
  },
  {
    name: 'what may not be read counts as missing',
    file: REGULAR,
    find: '    if (isDenied(error)) throw new DeniedError(path);\n    if ([',
    replace: '    if (isDenied(error)) return false;\n    if ([',
    noticedBy: { vitest: 'test/store/denied.test.ts', test: 'says so|is not done again' },
  },
  {
    name: 'what may not be read counts as damaged',
    file: RUNS,
    find: 'return said instanceof DeniedError ? said :',
    replace: 'return said instanceof RangeError ? said :',
    noticedBy: { vitest: 'test/store/denied.test.ts', test: 'is not done again' },
  },
  {
    name: 'other figures for a cell count as the same',
    file: MERGE,
    find: "'present' : 'conflict';",
    replace: "'present' : 'present';",
    noticedBy: merging('are a conflict'),
  },
  {
    name: 'verify passes over arrays',
    file: MERGE,
    find: 'checkFinished(folder, { arrays: true });\n        finished++;',
    replace: 'checkFinished(folder, { arrays: false });\n        finished++;',
    noticedBy: check('damage', 10),
  },
  {
    name: 'runs that a process is at work on are garbage',
    file: MERGE,
    find: ' || liveOwner(join(folder, FILES.lock)) !== undefined) continue;',
    replace: ') continue;',
    noticedBy: merging('garbage is what nobody needs'),
  },
  {
    name: 'runs of another version are read',
    file: RUNS,
    find: "if (spec.format !== RUN_FORMAT && (isSealed(spec) || !('seal' in spec)))",
    replace: "if (spec.format !== RUN_FORMAT && !('format' in spec))",
    noticedBy: { vitest: 'test/store/versions.test.ts', test: 'format 2 list' },
  },
  {
    name: 'a leak of 2 kB a row',
    file: EXECUTE,
    find: '    this.pending.push(JSON.stringify(row));',
    replace:
      '    this.pending.push(JSON.stringify(row));\n' +
      '    ((globalThis as { kept?: unknown[] }).kept ??= []).push(new Array(256).fill(Math.PI));',
    noticedBy: { vitest: 'test/store/memory.test.ts', test: 'does not grow' },
  },
  {
    name: 'the store measures seconds by the time of day',
    file: EXECUTE,
    find: "import { setTimeout as sleep } from 'node:timers/promises';",
    replace:
      "import { setTimeout as sleep } from 'node:timers/promises';\nconst performance = { now: () => Date.now() };",
    noticedBy: check('clock'),
  },
];

/** Processes that do not know of each other, and what others have put into a store. */
const OTHERS: readonly Mutant[] = [
  {
    name: 'a lock of another host is taken for that of a dead process',
    file: LOCK,
    find:
      '  if (host !== here.host) return false;\n  // locks of version 0.1 say no more than the host\n' +
      '  return boot === undefined || (boot === here.boot && namespace === here.namespace);',
    replace: "  return host !== '' && boot === here.boot && namespace !== '';",
    noticedBy: check('two-hosts'),
  },
  {
    name: 'the lock of a process that was killed stays for ever',
    file: LOCK,
    find: '  if (canBeAsked(owner)) return !isAlive(owner);',
    replace: '  if (canBeAsked(owner)) return owner.pid < 0;',
    noticedBy: check('kill-storm', 8),
  },
  {
    name: 'metrics that are a link are written through it',
    file: ATOMIC,
    find: "    file = openSync(temporary, 'ax+');\n",
    replace:
      "    file = openSync(path, 'w+');\n    if (path !== temporary) {\n" +
      '      writeAll(file, bytes);\n      return file;\n    }\n',
    noticedBy: check('hostile-store', 13),
  },
  {
    name: 'a cell whose worker stands still is given up',
    file: 'src/sweep/backends/bullmq/worker.ts',
    find: 'maxStalledCount: MAX_DEATHS,',
    replace: 'maxStalledCount: MAX_DEATHS - MAX_DEATHS,',
    noticedBy: check('standstill', 17),
  },
];

/** What is read of files of others. */
const READERS: readonly Mutant[] = [
  {
    name: 'safetensors: overlap and gaps are not refused',
    file: SAFETENSORS,
    find: 'if (entry.begin !== position) {',
    replace: 'if (position < 0) {',
    noticedBy: check('fuzz'),
  },
  {
    name: 'safetensors: gaps are not refused',
    file: SAFETENSORS,
    find: 'if (entry.begin !== position) {',
    replace: 'if (entry.begin < position) {',
    noticedBy: check('fuzz'),
  },
  {
    name: 'safetensors: bytes left over are not refused',
    file: SAFETENSORS,
    find: 'if (dataStart + position !== size) {',
    replace: 'if (dataStart + position > size) {',
    noticedBy: check('fuzz'),
  },
  {
    name: 'safetensors: sizes of tensors are not compared with their shapes',
    file: SAFETENSORS,
    find: 'if (end - begin !== expected)',
    replace: 'if (end - begin < expected)',
    noticedBy: check('fuzz'),
  },
  {
    name: 'a reader of settings writes elsewhere',
    file: 'src/store/config.ts',
    find: '  checkDepth(text, path);\n  try {',
    replace:
      '  checkDepth(text, path);\n' +
      "  process.getBuiltinModule('node:fs').writeFileSync(path.replace(/[^/]*$/, '../seen'), '');\n  try {",
    noticedBy: check('fuzz'),
  },
  {
    name: 'a reader of settings throws TypeError',
    file: 'src/store/config.ts',
    find: 'Array.isArray(value))\n    throw new UsageError(`',
    replace: 'Array.isArray(value))\n    throw new TypeError(`',
    noticedBy: check('fuzz'),
  },
];

/** Code that is loaded: it must be what was built or installed. */
const CODE: readonly Mutant[] = [
  {
    name: 'an addon is loaded whatever is in it',
    file: 'src/toolchain/addon.ts',
    find: "    return readFileSync(recordOf(path), 'utf8') === record(path);",
    replace: "    return readFileSync(recordOf(path), 'utf8') !== '';",
    noticedBy: check('addons', 50),
  },
  {
    name: 'a changed library of TensorFlow is loaded',
    file: 'src/engine/install/installed.ts',
    find: '  if (!Object.entries(files).every(([name, { sha256 }]) => hasHash(join(folder, name), sha256))) return false;\n',
    replace: '',
    noticedBy: { vitest: 'test/engine/install.test.ts', test: 'changed file' },
  },
];

/** Who is let in, and what they are told. */
const STRANGERS: readonly Mutant[] = [
  {
    name: 'watch listens on every interface',
    file: WATCH,
    find: "server.listen(port, '127.0.0.1', resolve)",
    replace: "server.listen(port, '0.0.0.0', resolve)",
    noticedBy: check('watch'),
  },
  {
    name: 'watch answers any method',
    file: WATCH,
    find: "if (request.method !== 'GET')",
    replace: "if (request.method === 'CONNECT')",
    noticedBy: check('watch'),
  },
  {
    name: 'watch answers under any name',
    file: WATCH,
    find: ".includes(request.headers.host ?? ''))",
    replace: ".some((name) => name !== ''))",
    noticedBy: check('watch'),
  },
];

/** What a figure means: which examples chose, taught and were counted, and from which files they came. */
const FIGURES: readonly Mutant[] = [
  {
    name: 'rates are chosen by the test split',
    file: 'src/thin/compare.ts',
    find: 'host, data.validation), weights: host };',
    replace: 'host, data.test), weights: host };',
    noticedBy: { vitest: 'test/thin/compare.test.ts', test: 'the test split chooses nothing' },
  },
  {
    name: 'the validation of a network is its test',
    file: 'src/thin/thin.ts',
    find: '    validation: await evaluate(data, data.validation, predict),',
    replace: '    validation: await evaluate(data, data.test, predict),',
    noticedBy: { vitest: 'test/thin/thin.test.ts', test: 'gives a folder with half of the heads' },
  },
  {
    name: 'the best weights are chosen by the test split',
    file: 'src/method/three-stage/pipeline.ts',
    find: '      const found = await evaluate(run.data, run.data.validation, predict);',
    replace: '      const found = await evaluate(run.data, run.data.test, predict);',
    noticedBy: { vitest: 'test/method/best.test.ts', test: 'the weights at the end are those of the best' },
  },
  {
    name: 'the wide net teaches as it is while it is trained',
    file: 'src/method/imitation/gradient.ts',
    find: '  const values = network.apply(evaluation(weights), x, { until: last });',
    replace: '  const values = network.apply({ ...evaluation(weights), train: true }, x, { until: last });',
    noticedBy: { vitest: 'test/method/gradient.test.ts', test: 'targets are what the wide net says' },
  },
  {
    name: 'every epoch has the same order',
    file: 'src/data/dataset.ts',
    find: "permutation(rngKey(this.seed, 'order', epoch), this.total)",
    replace: "permutation(rngKey(this.seed, 'order', 0), this.total)",
    noticedBy: { vitest: 'test/data/dataset.test.ts', test: 'every epoch has each example once' },
  },
  {
    name: 'averaged weights keep the statistics of the way',
    file: 'src/method/three-stage/pipeline.ts',
    find: '        ema === undefined\n          ? own',
    replace: '        ema !== null\n          ? own',
    noticedBy: { vitest: 'test/method/statistics.test.ts', test: 'moving averages of the parameters' },
  },
  {
    name: 'a damaged corpus of the cache is used',
    file: 'src/text/rows.ts',
    find: '    return readConfig(join(folder, MADE)).sha256 === (await contentOf(folder));',
    replace: '    return (await contentOf(folder)).length > 0;',
    noticedBy: { vitest: 'test/text/corpus.test.ts', test: 'was cut off is made again' },
  },
  {
    name: 'old weights stand beside a new configuration',
    file: ATOMIC,
    find: '    rmSync(key, { force: true });\n    syncFolder(dirname(key));',
    replace: '',
    noticedBy: { vitest: 'test/store/atomic.test.ts', test: 'is the old one, the new one, or none' },
  },
  {
    name: 'locks are not refreshed',
    file: LOCK,
    find: '      touch(path, text);',
    replace: '',
    noticedBy: { vitest: 'test/store/lock.test.ts', test: 'an owner at work refreshes its lock' },
  },
];

export const MUTANTS: readonly Mutant[] = [
  ...[...DISKS, ...STORES, ...OTHERS, ...READERS],
  ...[...CODE, ...STRANGERS, ...FIGURES],
];
