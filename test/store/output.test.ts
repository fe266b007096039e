/** Where commands may write: nothing of somebody else's is written over. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/core/errors.js';
import { checkNetworkFolder, checkOutput, OUTPUTS, refuseInRuns } from '../../src/store/output.js';
import { writeSafetensors } from '../../src/store/safetensors.js';

const newFolder = (): string => realpathSync(mkdtempSync(join(tmpdir(), 'gowide-output-')));
const OURS = { generator: 'gowide' };
const TENSORS = { x: { shape: [1], values: new Float32Array(1) } };

/** A store with one run. */
function store(): string {
  const out = newFolder();
  const run = join(out, 'runs', 'saddle.B.s1.45d4be9a6af4');
  mkdirSync(run, { recursive: true });
  for (const name of ['spec.json', 'env.json', 'metrics.jsonl']) writeFileSync(join(run, name), '{}');
  return out;
}

describe('a file that the user named', () => {
  test('may be new, or of the kind that is written; a link is followed', () => {
    const folder = newFolder();
    const [file, link] = [join(folder, 'w.safetensors'), join(folder, 'link.safetensors')];
    expect(checkOutput(file, OUTPUTS.safetensors)).toBe(file);
    // of another program, or of a version that did not say so
    for (const key of ['note', 'format']) {
      writeSafetensors(file, TENSORS, { [key]: 'pt' });
      const refused = `${file}: it is not a safetensors file whose metadata say that gowide wrote it (earlier versions did not say it), and would be written over`;
      expect(() => checkOutput(file, OUTPUTS.safetensors)).toThrow(refused);
    }
    writeSafetensors(file, TENSORS, OURS);
    expect(checkOutput(file, OUTPUTS.safetensors)).toBe(file);
    symlinkSync(file, link);
    expect(checkOutput(link, OUTPUTS.safetensors)).toBe(file);
    const [dangling, target] = [join(folder, 'dangling'), join(folder, 'not-yet.safetensors')];
    symlinkSync('not-yet.safetensors', dangling);
    expect(checkOutput(dangling, OUTPUTS.safetensors)).toBe(target);
    writeFileSync(file, ''); // as mktemp makes it
    expect(checkOutput(file, OUTPUTS.page)).toBe(file);
  });

  test.each(['text', '<!doctype html><title>Mine</title>', '\x08\x08\x12\x07pytorch'])(
    'is not written over: %j',
    (content) => {
      const file = join(newFolder(), 'keep');
      writeFileSync(file, content);
      for (const kind of [OUTPUTS.page, OUTPUTS.safetensors])
        expect(() => checkOutput(file, kind)).toThrow(
          `${file}: it is not ${kind.what}, and would be written over; remove it, or name another file`,
        );
      expect(() => checkOutput(file, OUTPUTS.onnx)).toThrow('it is not an ONNX file that go-wide-then-narrow wrote');
      expect(readFileSync(file, 'latin1')).toBe(content);
    },
  );

  test('may be in a folder that is yet to be made; one that cannot be is said before anything is computed', () => {
    const folder = newFolder();
    const file = join(folder, 'new', 'deeper', 'w.safetensors');
    expect(checkOutput(file, OUTPUTS.safetensors)).toBe(file);
    expect(readdirSync(join(folder, 'new', 'deeper'))).toEqual([]);
    writeSafetensors(file, TENSORS);
    const within = join(file, 'x.onnx');
    // no option is named: here it is --output, and --out may be another thing
    expect(() => checkOutput(within, OUTPUTS.onnx)).toThrow(
      new UsageError(`cannot write ${within}: a part of that path is a file, not a folder; choose another place`),
    );
  });

  test('is not a folder, a device, or what leads to one', () => {
    const folder = newFolder();
    expect(() => checkOutput(folder, OUTPUTS.page)).toThrow(`${folder}: it is a folder; expected the name of a file`);
    if (process.platform === 'win32') return;
    const link = join(folder, 'null');
    symlinkSync('/dev/null', link);
    for (const path of ['/dev/null', link])
      expect(() => checkOutput(path, OUTPUTS.page)).toThrow(`${path}: it is a device or a pipe`);
  });

  test('is not one that is read, under whatever name', () => {
    const folder = newFolder();
    const [file, link] = [join(folder, 'model', 'model.safetensors'), join(folder, 'link')];
    mkdirSync(join(folder, 'model'));
    writeSafetensors(file, TENSORS, OURS);
    symlinkSync(file, link);
    for (const input of [file, link, join(folder, 'model')])
      expect(() => checkOutput(file, OUTPUTS.safetensors, [undefined, input])).toThrow(
        `${file}: this command reads it, and would write over it; name another file`,
      );
    expect(checkOutput(file, OUTPUTS.safetensors, [folder, join(folder, 'mod'), undefined])).toBe(file);
    for (const name of ['y.safetensors', 'model-outputs.safetensors']) {
      const answers = join(folder, 'model', name); // what the same command wrote before
      writeSafetensors(answers, TENSORS, OURS);
      expect(checkOutput(answers, OUTPUTS.safetensors, [join(folder, 'model')])).toBe(answers);
    }
    const shard = join(folder, 'model', 'model-00001-of-00002.safetensors');
    writeSafetensors(shard, TENSORS);
    expect(() => checkOutput(shard, OUTPUTS.safetensors, [join(folder, 'model')])).toThrow('this command reads it');
  });

  test('is not among the runs of a store', () => {
    const out = store();
    const run = join(out, 'runs', 'saddle.B.s1.45d4be9a6af4');
    for (const path of [join(run, 'metrics.jsonl'), join(run, 'new', 'page.html'), join(out, 'runs'), run]) {
      const message = `${path}: it is among the runs of ${out}, which must stay as they are; name another place`;
      expect(() => refuseInRuns(path)).toThrow(message);
      if (/[.](jsonl|html)$/.test(path)) expect(() => checkOutput(path, OUTPUTS.page)).toThrow(message);
    }
    refuseInRuns(out);
    expect(checkOutput(join(out, 'page.html'), OUTPUTS.page)).toBe(join(out, 'page.html'));
    const other = join(newFolder(), 'runs'); // a name that any folder may have
    mkdirSync(join(other, 'mine'), { recursive: true });
    refuseInRuns(join(other, 'mine'));
    if (process.platform === 'win32') return;
    chmodSync(other, 0o311); // a folder that many share and nobody may list
    refuseInRuns(join(other, 'mine', 'out'));
  });
});

test('a network is not written over one that was not written here', () => {
  const folder = newFolder();
  checkNetworkFolder(join(folder, 'new'));
  checkNetworkFolder(folder);
  writeFileSync(join(folder, 'config.json'), '{}');
  const refused = `${folder}: it has config.json of something else, or of an earlier gowide, which would be written over; remove it, or name another folder`;
  expect(() => checkNetworkFolder(folder)).toThrow(refused);
  writeSafetensors(join(folder, 'model.safetensors'), TENSORS, { format: 'pt' });
  expect(() => checkNetworkFolder(folder)).toThrow(refused);
  writeSafetensors(join(folder, 'model.safetensors'), TENSORS, { format: 'pt', generator: 'gowide' });
  checkNetworkFolder(folder);
});
