/**
 * How two workers come to trust each other before anything else is said. Each shows that it knows the secret, which
 * never travels: it answers the other's random numbers with their HMAC. Then they compare what all workers must have in
 * common.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { FailureError } from '../core/errors.js';
import { KIND, type Wire } from './wire.js';

/** What all workers must have in common, by what it is: the version of the program, the runs, the engine. */
export type Facts = Readonly<Record<string, string>>;

/** The end of the attempt: trying again would not help. */
export class RefusedError extends FailureError {}

interface Challenge {
  readonly nonce: string;
}
interface Answer {
  readonly task: number;
  readonly nonce: string;
  readonly proof: string;
}
type Welcome = { readonly refused: string } | { readonly proof: string; readonly facts: Facts };

const nonceOf = (): string => randomBytes(32).toString('hex');

function proofOf(secret: string, ...parts: readonly (string | number)[]): string {
  return createHmac('sha256', secret).update(JSON.stringify(parts)).digest('hex');
}

function isProof(given: unknown, expected: string): boolean {
  const text = typeof given === 'string' ? given : '';
  return text.length === expected.length && timingSafeEqual(Buffer.from(text), Buffer.from(expected));
}

async function say(wire: Wire, value: object): Promise<void> {
  await wire.send(KIND.hello, Buffer.from(JSON.stringify(value)));
}

async function hear<T extends object>(wire: Wire): Promise<Partial<T>> {
  const { kind, bytes } = await wire.receive();
  try {
    const value: unknown = kind === KIND.hello ? JSON.parse(Buffer.from(bytes).toString()) : undefined;
    if (value !== null && typeof value === 'object') return value as Partial<T>;
  } catch {
    // not JSON: as little as nothing
  }
  throw new FailureError('what answers there is no worker of gowide');
}

/**
 * The hello of the worker that was connected to: the task of the one that came. `allow` says why a task may not come.
 * Throws FailureError with the reason when whoever came was refused: another may come in its place. Throws RefusedError
 * that names the worker when it has other facts.
 */
export async function welcome(
  wire: Wire,
  {
    task,
    secret,
    facts,
    allow,
  }: {
    readonly task: number;
    readonly secret: string;
    readonly facts: Facts;
    readonly allow: (task: number) => string | undefined;
  },
  nameOf: (task: number) => string,
): Promise<number> {
  const nonce = nonceOf();
  await say(wire, { nonce } satisfies Challenge);
  const answer = await hear<Answer>(wire);
  const refuse = async (refused: string): Promise<never> => {
    await say(wire, { refused } satisfies Welcome);
    wire.end();
    throw new FailureError(refused);
  };
  const { nonce: theirs } = answer;
  if (typeof theirs !== 'string' || !isProof(answer.proof, proofOf(secret, 'join', nonce, theirs, answer.task!, task)))
    return refuse('it has another secret; GOWIDE_WORKERS_SECRET must be the same for all workers');
  const other = answer.task!;
  const problem = allow(other);
  if (problem !== undefined) return refuse(problem);
  wire.trust();
  await say(wire, { proof: proofOf(secret, 'welcome', theirs, nonce, task, other), facts } satisfies Welcome);
  compare(facts, (await hear<{ facts: Facts }>(wire)).facts ?? {}, nameOf(other));
  return other;
}

/**
 * The hello of the worker that connects. Throws RefusedError that names the other when this one was refused, when the
 * other does not know the secret, or when it has other facts.
 */
export async function introduce(
  wire: Wire,
  {
    task,
    secret,
    facts,
    to,
  }: {
    readonly task: number;
    readonly secret: string;
    readonly facts: Facts;
    /** The task of the worker that is connected to. */
    readonly to: number;
  },
  name: string,
): Promise<void> {
  const { nonce } = await hear<Challenge>(wire);
  if (typeof nonce !== 'string') throw new RefusedError(`${name}: what answers there is no worker of gowide`);
  const mine = nonceOf();
  await say(wire, { task, nonce: mine, proof: proofOf(secret, 'join', nonce, mine, task, to) } satisfies Answer);
  const welcomed = (await hear<Record<string, unknown>>(wire)) as Partial<Welcome>;
  if ('refused' in welcomed) throw new RefusedError(`${name} refused this worker: ${welcomed.refused}`);
  const { proof, facts: theirs } = welcomed as Partial<Extract<Welcome, { facts: Facts }>>;
  if (!isProof(proof, proofOf(secret, 'welcome', mine, nonce, to, task)))
    throw new RefusedError(`${name} has another secret; GOWIDE_WORKERS_SECRET must be the same for all workers`);
  wire.trust();
  await say(wire, { facts });
  compare(facts, theirs ?? {}, name);
}

/** Throws RefusedError that names the other worker and the first thing that it does not have in common. */
function compare(mine: Facts, theirs: Facts, name: string): void {
  const what = Object.keys({ ...mine, ...theirs }).find((key) => mine[key] !== theirs[key]);
  if (what === undefined) return;
  throw new RefusedError(
    `${name} has another ${what}: ${theirs[what] ?? 'none'}, this worker ${mine[what] ?? 'none'}; ` +
      'expected the same on all workers',
  );
}
