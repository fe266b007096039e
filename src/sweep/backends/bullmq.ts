/** A sweep on any number of machines: cells on a queue in Redis, which workers take them from. */
import { UsageError } from '../../core/errors.js';
import { parseQueueUrl, queueAddress } from '../address.js';
import { checkInputs, workOf } from '../work.js';
import { defineBackend, type Values } from './backend.js';

const QUEUE_OPTIONS = {
  queue: {
    kind: 'text',
    argument: 'url',
    description:
      'redis://host[:port][/db]; with a password rather by $GOWIDE_QUEUE, or as @file with the address in ' +
      'its first line',
    env: 'GOWIDE_QUEUE',
  },
  name: { kind: 'text', argument: 'name', description: 'name of the queue', default: 'sweep' },
} as const;

/** The queue that options name. Throws UsageError without an address, and on one that is none. */
function queueOf({ queue, name }: Values<typeof QUEUE_OPTIONS>): { readonly url: string; readonly name: string } {
  if (!queue) throw new UsageError('--queue or $GOWIDE_QUEUE is needed: redis://[user:password@]host[:port][/db]');
  if (!/^[\w-]{1,64}$/.test(name)) throw new UsageError(`--name ${name}: expected letters, digits, "-" and "_"`);
  const url = queueAddress(queue);
  parseQueueUrl(url);
  return { url, name };
}

// The client of Redis is loaded by what needs it, and not by every command that lists the back ends.
const controls = () => import('./bullmq/control.js');

/** Cells on a BullMQ queue in Redis; `gowide worker` takes them on any machine that reaches it. */
export const BULLMQ = defineBackend({
  name: 'bullmq',
  description: 'a queue in Redis, from which gowide worker takes cells on any number of machines',
  options: QUEUE_OPTIONS,
  selector: 'queue',
  run: async ({ cells, out, runners, signal, notice, progress }, values) => {
    const queue = queueOf(values);
    const work = workOf(out, cells, runners, notice);
    await checkInputs(out, work, runners, { signal, notice });
    if (work.open.size > 0) {
      const { runQueue } = await import('./bullmq/sweep.js');
      await runQueue(work, { ...queue, out, signal, notice, progress: progress(work.done / work.total) });
    }
    return { state: 'finished', cells };
  },
  control: {
    options: QUEUE_OPTIONS,
    actions: {
      status: async (values) => (await controls()).queueStatus(queueOf(values)),
      pause: async (values) => {
        await (await controls()).pauseQueue(queueOf(values));
        return 'paused; go on with: gowide sweep resume';
      },
      resume: async (values) => {
        await (await controls()).resumeQueue(queueOf(values));
        return 'workers go on';
      },
      cancel: async (values) => `${await (await controls()).cancelQueue(queueOf(values))} cells dropped`,
    },
  },
  worker: {
    options: {
      ...QUEUE_OPTIONS,
      idle: {
        kind: 'whole',
        argument: 'seconds',
        description: 'end when the queue has been empty for so long (default: work until stopped)',
        least: 1,
      },
      lock: {
        kind: 'whole',
        argument: 'seconds',
        description: 'how long a worker that died keeps its cell',
        least: 2,
        default: 30,
      },
    },
    check: (values) => void queueOf(values),
    serve: async (serving, values) => {
      const { serveQueue } = await import('./bullmq/worker.js');
      return serveQueue({
        ...serving,
        ...queueOf(values),
        lockSeconds: values.lock,
        ...(values.idle !== undefined && { idleSeconds: values.idle }),
      });
    },
  },
});
