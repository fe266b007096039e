import { describe, expect, test } from 'vitest';
import { addressText, isLocal, parseAddresses } from '../../src/distributed/address.js';
import { expandNodes, SLURM_PORT, slurmWorkers } from '../../src/distributed/slurm.js';

describe('addresses of --workers', () => {
  test('names, IPv4 and IPv6, in the order of tasks', () => {
    const addresses = parseAddresses('node-1:4000, 10.0.0.2:4001,[fe80::1]:4000');
    expect(addresses).toEqual([
      { host: 'node-1', port: 4000 },
      { host: '10.0.0.2', port: 4001 },
      { host: 'fe80::1', port: 4000 },
    ]);
    expect(addresses.map(addressText)).toEqual(['node-1:4000', '10.0.0.2:4001', '[fe80::1]:4000']);
  });

  test.each([
    ['a:1', /at least two workers/],
    ['a:1,b', /"b" is no address; expected host:port/],
    ['a:1,b:0', /"b:0" is no address/],
    ['a:1,b:65536', /"b:65536" is no address/],
    ['a:1,[b]:2', /"\[b\]:2" is no address/],
    ['a:1,http://b:2', /"http:\/\/b:2" is no address/],
    ['a:1,', /"" is no address/],
    ['a:1,a:1', /a:1 stands there twice/],
  ])('%s', (text, message) => expect(() => parseAddresses(text)).toThrow(message));

  test('which of them only this machine reaches', () => {
    const local = parseAddresses('localhost:1,127.0.0.1:2,127.1.2.3:3,[::1]:4,10.0.0.1:5,node:6').map(isLocal);
    expect(local).toEqual([true, true, true, true, false, false]);
  });
});

describe('workers of a job step of Slurm', () => {
  test.each([
    ['n1', ['n1']],
    ['n[1-3]', ['n1', 'n2', 'n3']],
    ['n[08-11,20],m', ['n08', 'n09', 'n10', 'n11', 'n20', 'm']],
    ['r[1-2]n[1-2]', ['r1n1', 'r1n2', 'r2n1', 'r2n2']],
    ['a-[1,3].lab,b', ['a-1.lab', 'a-3.lab', 'b']],
  ])('nodes of %s, as scontrol show hostnames lists them', (text, names) => expect(expandNodes(text)).toEqual(names));

  test.each([['n[1-'], ['n[a]'], ['']])('"%s" is no list of nodes', (text) =>
    expect(() => expandNodes(text)).toThrow(/cannot be read/),
  );

  test('ranges whose product is too many nodes are refused, each of them small as it is', () =>
    expect(() => expandNodes('r[1-4000]n[1-4000]x[1-4000]')).toThrow(/are \d+ nodes; /));

  const job = {
    SLURM_NTASKS: '5',
    SLURM_PROCID: '3',
    SLURM_JOB_NODELIST: 'n[1-3]',
    SLURM_STEP_TASKS_PER_NODE: '2(x2),1',
    SLURMD_NODENAME: 'n2',
  };

  test('tasks in blocks on the nodes, each with a port of its own', () => {
    const { addresses, task } = slurmWorkers(job);
    expect(task).toBe(3);
    expect(addresses.map(addressText)).toEqual(
      ['n1:0', 'n1:1', 'n2:0', 'n2:1', 'n3:0'].map((text) => {
        const [host, i] = text.split(':');
        return `${host}:${SLURM_PORT + Number(i)}`;
      }),
    );
    expect(addressText(slurmWorkers(job, 4000).addresses[1]!)).toBe('n1:4001');
    expect(slurmWorkers({ ...job, SLURM_STEP_TASKS_PER_NODE: undefined }).addresses).toEqual(addresses);
    for (const port of [0, 65_535, 99_999]) expect(() => slurmWorkers(job, port)).toThrow(/ports from 1 to 65535/);
    expect(slurmWorkers(job, 65_534).addresses).toHaveLength(5);
  });

  test.each([
    [{ SLURM_PROCID: undefined }, /SLURM_PROCID is not set; expected to be started by srun/],
    [{ SLURM_NTASKS: 'five' }, /is "five"; expected a whole number/],
    [{ SLURM_NTASKS: '4' }, /4 tasks do not fit 2 \+ 2 \+ 1 on 3 nodes/],
    [{ SLURM_JOB_NODELIST: 'n1', SLURM_STEP_TASKS_PER_NODE: '4' }, /5 tasks do not fit 4 on 1 node; expected those/],
    [{ SLURM_PROCID: '5' }, /^--workers slurm: SLURM_PROCID is 5, expected 0 to 4$/],
    [{ SLURM_STEP_TASKS_PER_NODE: '5' }, /tasks of 1 node, not of 3/],
    [{ SLURM_STEP_TASKS_PER_NODE: 'x' }, /expected a form like/],
    [{ SLURM_STEP_TASKS_PER_NODE: '1(x99999999999),1,1' }, /is "1\(x99999999999\),1,1"; expected at most 1000000/],
    [{ SLURM_JOB_NODELIST: 'n[1-999999999999]' }, /"n\[1-999999999999\]" in the node list are 999999999999 nodes; exp/],
    [{ SLURMD_NODENAME: 'n3' }, /task 3 is on n3, expected on n2; start it with srun --distribution=block/],
    [
      { SLURM_NTASKS: '1', SLURM_PROCID: '0', SLURM_JOB_NODELIST: 'n1', SLURM_STEP_TASKS_PER_NODE: '1' },
      /has one task; expected two or more/,
    ],
  ])('%o', (changes, message) => expect(() => slurmWorkers({ ...job, ...changes })).toThrow(message));
});
