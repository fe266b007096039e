import { once } from 'node:events';
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { InterruptedError } from '../../src/core/errors.js';
import { normals, rngKey } from '../../src/core/rng.js';
import { say } from '../../src/distributed/arrays.js';
import { joinWorkers } from '../../src/distributed/join.js';
import { KIND, Wire } from '../../src/distributed/wire.js';
import { freePorts, joining, newAddresses, newWorkers } from './support.js';

/** What each promise ended with: a value, or the message of its error. */
const ends = async (promises: readonly Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(promises)).map((end) =>
    end.status === 'fulfilled' ? end.value : (end.reason as Error).message,
  );

/** Both ends of a connection. */
async function pair(): Promise<[Socket, Socket]> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const accepted = new Promise<Socket>((done) => server.once('connection', done));
  const socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1');
  const both: [Socket, Socket] = [await accepted, socket];
  server.close();
  return both;
}

const valuesOf = (task: number, length: number): Float32Array =>
  Float32Array.from(normals(rngKey(7, 'values', task), length));

describe('sums over workers', () => {
  test.each([
    [2, 1000, false],
    [2, 1, false],
    [3, 100_003, false],
    [4, 3, false],
    [3, 500_000, true],
  ])('%i workers, %i values, socket files: %s', async (count, length, files) => {
    const workers = await newWorkers(count, undefined, files);
    // in the order of tasks, as float32
    const expected = valuesOf(0, length);
    for (let k = 1; k < count; k++) valuesOf(k, length).forEach((value, i) => (expected[i] = expected[i]! + value));
    for (let round = 0; round < 3; round++) {
      const values = workers.map((_, task) => valuesOf(task, length));
      await Promise.all(workers.map((worker, task) => worker.sum(values[task]!)));
      for (const sums of values) expect(Buffer.from(sums.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    }
    workers.forEach((worker) => worker.close());
  });

  test('a worker that is late is waited for; what it was sent meanwhile is kept', async () => {
    const workers = await newWorkers(2);
    const [a, b] = [valuesOf(0, 300_000), valuesOf(1, 300_000)];
    const first = workers[0]!.sum(a);
    await sleep(200);
    await Promise.all([first, workers[1]!.sum(b)]);
    expect(a).toEqual(b);
    workers.forEach((worker) => worker.close());
  });

  test('arrays of both types arrive to the bit, empty ones too', async () => {
    const workers = await newWorkers(3);
    const arrays = {
      a: { shape: [2, 3], values: valuesOf(0, 6) },
      b: { shape: [0], values: new Float32Array() },
      c: { shape: [4], values: Float64Array.of(1 / 3, -0, 1e-300, 2) },
    };
    const said = await Promise.all(
      workers.map((worker, task) => say(worker, task === 0 ? { words: { x: 1 }, arrays } : undefined)),
    );
    for (const one of said) expect(one).toEqual({ words: { x: 1 }, arrays });
    workers.forEach((worker) => worker.close());
  });

  test('what every worker gives arrives at all, by task, nothing included', async () => {
    const workers = await newWorkers(3);
    const texts = ['first', '', 'the third'];
    const gathered = await Promise.all(workers.map((worker, task) => worker.gather(Buffer.from(texts[task]!))));
    for (const one of gathered) expect(one.map((bytes) => Buffer.from(bytes).toString())).toEqual(texts);
    workers.forEach((worker) => worker.close());
  });

  test('who wants to stop, stops all after the same exchange', async () => {
    const stops: number[] = [];
    const workers = await newWorkers(3, (task) => ({ onStop: () => stops.push(task) }));
    const round = (): Promise<unknown> => Promise.all(workers.map((worker) => worker.sum(new Float32Array(5))));
    await round();
    workers[1]!.requestStop();
    expect(stops).toEqual([]);
    await round();
    await round();
    expect(stops.sort()).toEqual([0, 1, 2]);
    workers.forEach((worker) => worker.close());
  });
});

describe('a worker that ends', () => {
  test('without a word: the others name it', async () => {
    const workers = await newWorkers(3);
    const sums = [0, 1].map((task) => workers[task]!.sum(new Float32Array(10)));
    workers[2]!.close(); // as the system does for a process that was killed
    const [first, second] = await ends(sums);
    expect(first).toMatch(/^worker 2 \(127\.0\.0\.1:\d+\) is gone: its connection ended$/);
    expect(second).toBe(first);
    await expect(workers[0]!.sum(new Float32Array(10))).rejects.toThrow('worker 2');
  });

  test('with a reason: the others give it', async () => {
    const workers = await newWorkers(3);
    const sums = [0, 1].map((task) => workers[task]!.sum(new Float32Array(10)));
    workers[2]!.abandon(new Error('the disk is full'));
    for (const text of await ends(sums)) expect(text).toMatch(/^worker 2 \(.*\) ended: the disk is full$/);
  });

  test('because its user stopped it: the others are stopped, too', async () => {
    const workers = await newWorkers(2);
    const sum = workers[1]!.sum(new Float32Array(10));
    workers[0]!.abandon(new InterruptedError('its state is saved'));
    await expect(sum).rejects.toThrow(InterruptedError);
  });

  test('that says nothing is named after the limit', async () => {
    const workers = await newWorkers(2, () => ({ seconds: 1 }));
    const started = performance.now();
    await expect(workers[0]!.sum(new Float32Array(10))).rejects.toThrow(
      /^worker 1 \(127.*\) has said nothing for 1 s$/,
    );
    expect(performance.now() - started).toBeLessThan(20_000);
    await expect(workers[1]!.sum(new Float32Array(10))).rejects.toThrow(/worker 1 .* has said nothing/);
  });

  test('that says that it is at work is waited for', async () => {
    const workers = await newWorkers(2, () => ({ seconds: 1 }));
    const work = (async () => {
      for (let k = 0; k < 10; k++) {
        await sleep(250);
        workers[1]!.alive();
      }
      await workers[1]!.sum(new Float32Array(10));
    })();
    expect(await ends([workers[0]!.sum(new Float32Array(10)), work])).toEqual([undefined, undefined]);
    workers.forEach((worker) => worker.close());
  });

  test('that announces more than there is memory for is named, and ends nothing else', async () => {
    const [one, other] = await pair();
    const wire = new Wire(one, 'worker 1', 5000);
    wire.trust();
    const header = new DataView(new ArrayBuffer(16));
    header.setUint32(0, 0x676f7769);
    header.setUint8(4, KIND.data);
    header.setFloat64(8, 2 ** 52);
    other.write(new Uint8Array(header.buffer));
    await expect(wire.receive()).rejects.toThrow('worker 1 sent 4503599627370496 bytes, for which');
    other.destroy();
  });

  test('that computes something else is named', async () => {
    const workers = await newWorkers(2);
    const [first] = await ends([workers[0]!.sum(new Float32Array(10)), workers[1]!.sum(new Float32Array(12))]);
    expect(first).toMatch(/^worker 1 .* sent 24 bytes, expected 20: it computes something else$/);
    const other = await newWorkers(2);
    const [, second] = await ends([
      other[0]!.agree('training data', 'a'),
      other[1]!.agree('training data', 'b').then(() => 'agreed'),
    ]);
    expect(second).toMatch(/^worker 1 .* has other training data than worker 0: b, expected a$/);
    expect((await ends([other[0]!.sum(new Float32Array(1))]))[0]).toMatch(/^worker 1 .* has other training data/);
  });
});

describe('joining', () => {
  test('a worker that never comes is named after the limit', async () => {
    const addresses = await newAddresses(3);
    const [first, second] = await ends([0, 1].map((task) => joinWorkers(joining(addresses, task, { seconds: 1 }))));
    expect(first).toMatch(
      /^worker 2 \(127\.0\.0\.1:\d+\) did not come within 1 s; start it with the same list as task 2, or wait/,
    );
    expect(second).toMatch(/^worker 2 \(127\.0\.0\.1:\d+\) did not come within 1 s; start it/);
    const [third] = await ends([joinWorkers(joining(addresses, 2, { seconds: 1 }))]);
    expect(third).toMatch(
      /^worker 0 .* did not come within 1 s \(nothing listens there\); start it with the same list as task 0/,
    );
  });

  test('a program that listens there and says nothing is told from one that is not there', async () => {
    const addresses = await newAddresses(2);
    const { host, port } = addresses[0] as { host: string; port: number };
    const mute = createServer().listen(port, host);
    await once(mute, 'listening');
    const [found] = await ends([joinWorkers(joining(addresses, 1, { seconds: 1 }))]);
    mute.close();
    expect(found).toMatch(
      /^worker 0 .* did not come within 1 s \(what listens there has not answered as a worker does\)/,
    );
  });

  test('another version, another spec: both name the other', async () => {
    const addresses = await newAddresses(2);
    const facts = (version: string): object => ({ facts: { 'version of gowide': version } });
    const found = await ends([0, 1].map((task) => joinWorkers(joining(addresses, task, facts(`0.${task}.0`)))));
    expect(found[0]).toMatch(/^worker 1 \(.*\) has another version of gowide: 0\.1\.0, this worker 0\.0\.0; expected/);
    expect(found[1]).toMatch(/^worker 0 \(.*\) has another version of gowide: 0\.0\.0, this worker 0\.1\.0; expected/);
  });

  test('another secret: the worker is told at once, and named to the one who waits', async () => {
    const addresses = await newAddresses(2);
    const found = await ends([
      joinWorkers(joining(addresses, 0, { seconds: 1 })),
      joinWorkers(joining(addresses, 1, { secret: 'guessed' })),
    ]);
    expect(found[0]).toMatch(
      /^worker 1 .* did not come within 1 s \(a connection from 127.0.0.1 was refused: .*GOWIDE/,
    );
    expect(found[1]).toMatch(/^worker 0 .* refused this worker: it has another secret; GOWIDE_WORKERS_SECRET must be/);
  });

  test('an impostor that does not know the secret is not let in, either', async () => {
    const addresses = await newAddresses(2);
    // its own secret is what it checks against, so it takes the worker for one of its own only if both are equal
    const impostor = joinWorkers(joining(addresses, 0, { secret: '', seconds: 1 }));
    const [, found] = await ends([impostor, joinWorkers(joining(addresses, 1))]);
    expect(found).toMatch(/secret/);
  });

  test('strangers do not disturb: another program, nobody, a task that is none', async () => {
    const addresses = await newAddresses(2);
    const waiting = joinWorkers(joining(addresses, 0));
    const { port } = addresses[0] as { port: number };
    await sleep(50);
    createConnection(port, '127.0.0.1').end('GET / HTTP/1.1\r\nHost: x\r\n\r\n').resume();
    const silent = createConnection(port, '127.0.0.1').on('error', () => {});
    const strange = joining([...addresses, { host: '127.0.0.1', port: 1 }], 2, { seconds: 1 });
    expect((await ends([joinWorkers(strange)]))[0]).toMatch(/refused this worker: no task 2 connects to task 0 of 2/);
    const workers = await Promise.all([waiting, joinWorkers(joining(addresses, 1))]);
    expect(workers.map(({ size }) => size)).toEqual([2, 2]);
    workers.forEach((worker) => worker.close());
    silent.destroy();
  });

  test('a port in use, an address of another machine, no secret where others can connect, no such task', async () => {
    const addresses = await newAddresses(2);
    const workers = joinWorkers(joining(addresses, 0, { seconds: 1 }));
    await sleep(50);
    const [taken] = await ends([joinWorkers(joining(addresses, 0))]);
    expect(taken).toMatch(
      /^worker 0: 127\.0\.0\.1:\d+ is in use by another program; choose another port in --workers$/,
    );
    await ends([workers]);
    const far = [{ host: '192.0.2.1', port: 4000 }, addresses[1]!];
    expect((await ends([joinWorkers(joining(far, 0))]))[0]).toMatch(/192\.0\.2\.1:4000 is not an address of this/);
    expect((await ends([joinWorkers(joining(far, 0, { secret: '' }))]))[0]).toMatch(/GOWIDE_WORKERS_SECRET is not set/);
    expect((await ends([joinWorkers(joining(addresses, 2))]))[0]).toMatch(/^--task 2: expected 0 to 1/);
  });

  test.skipIf(process.platform !== 'linux')('a worker listens at its own address and at no other', async () => {
    const addresses = await newAddresses(2); // of 127.0.0.1; Linux has all of 127.*
    const waiting = joinWorkers(joining(addresses, 0, { seconds: 1 }));
    await sleep(50);
    const { port } = addresses[0] as { port: number };
    const reached = (host: string): Promise<string> =>
      new Promise((done) => {
        const socket = createConnection(port, host, () => (socket.destroy(), done('reached')));
        socket.on('error', (error) => done((error as NodeJS.ErrnoException).code!));
      });
    expect([await reached('127.0.0.1'), await reached('127.0.0.2')]).toEqual(['reached', 'ECONNREFUSED']);
    await ends([waiting]);
  });

  test('an address that is every address of the machine is refused, before anything can connect', async () => {
    const [other] = await newAddresses(1);
    for (const host of ['0.0.0.0', '0', '::', '::ffff:0.0.0.0']) {
      const wide = [{ host, port: (await freePorts(1))[0]! }, other!];
      expect((await ends([joinWorkers(joining(wide, 0, { seconds: 1 }))]))[0]).toMatch(/every address of this machine/);
    }
  });

  test('a limit of months is no limit of a millisecond', async () => {
    const addresses = await newAddresses(2);
    const changes = { seconds: 3_000_000 };
    const first = joinWorkers(joining(addresses, 0, changes));
    await sleep(100);
    const workers = await Promise.all([first, joinWorkers(joining(addresses, 1, changes))]);
    workers.forEach((worker) => worker.close());
  });

  test('the same task twice: the second is told', async () => {
    const addresses = await newAddresses(3);
    const first = joinWorkers(joining(addresses, 0, { seconds: 2 }));
    const second = joinWorkers(joining(addresses, 2, { seconds: 2 }));
    await sleep(300);
    const [third] = await ends([joinWorkers(joining(addresses, 2, { seconds: 2 }))]);
    expect(third).toMatch(/^worker 0 .* refused this worker: worker 2 .* is here already$/);
    await ends([first, second]);
  });
});
