/** Files as torch.save writes them, made without torch: the archive, the pickle, the tensors' bytes. */
import type { HostArrays, HostValues } from '../../src/core/host-array.js';

const text = (value: string): Buffer => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from('X'), length, bytes]);
};
const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(5, 'J');
  bytes.writeInt32LE(value, 1);
  return bytes;
};
const tuple = (values: readonly Buffer[]): Buffer => Buffer.concat([Buffer.from('('), ...values, Buffer.from('t')]);
const dict = (entries: readonly (readonly [string, Buffer])[]): Buffer =>
  Buffer.concat([Buffer.from('}('), ...entries.flatMap(([name, value]) => [text(name), value]), Buffer.from('u')]);

/** A state dict of float32 and int64 tensors, or with `beside` a checkpoint that has it as `state_dict`. */
export function stored(tensors: HostArrays<HostValues>, beside?: Readonly<Record<string, number>>): Buffer {
  const files: [string, Buffer][] = [];
  const entries = Object.entries(tensors).map(([name, { shape, values }], key): [string, Buffer] => {
    files.push([`archive/data/${key}`, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
    const type = values instanceof Float32Array ? 'FloatStorage' : 'LongStorage';
    const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
    const id = tuple([
      text('storage'),
      Buffer.from(`ctorch\n${type}\n`),
      text(String(key)),
      text('cpu'),
      int(values.length),
    ]);
    const storage = Buffer.concat([id, Buffer.from('Q')]);
    const args = [storage, int(0), tuple(shape.map(int)), tuple(strides.map(int)), Buffer.from('\x89', 'latin1')];
    return [name, Buffer.concat([Buffer.from('ctorch._utils\n_rebuild_tensor_v2\n'), tuple(args), Buffer.from('R')])];
  });
  const state = dict(entries);
  const root =
    beside === undefined
      ? state
      : dict([...Object.entries(beside).map(([name, value]) => [name, int(value)] as const), ['state_dict', state]]);
  files.unshift(['archive/data.pkl', Buffer.concat([Buffer.from('\x80\x02', 'latin1'), root, Buffer.from('.')])]);
  return archive(files);
}

function archive(files: readonly (readonly [string, Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const contents: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of files) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt32LE(bytes.length, 18);
    local.writeUInt32LE(bytes.length, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt32LE(bytes.length, 20);
    central.writeUInt32LE(bytes.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(at, 42);
    parts.push(local, Buffer.from(name), bytes);
    contents.push(central, Buffer.from(name));
    at += 30 + name.length + bytes.length;
  }
  const table = Buffer.concat(contents);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(table.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, table, end]);
}
