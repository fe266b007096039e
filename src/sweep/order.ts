/** In which order the open cells of a sweep start. */
import type { Cell } from '../core/run.js';
import type { Work } from './work.js';

/**
 * A chain of cells is started before others as soon as the work that is left would take twice its time: costs are
 * expectations, and a chain that begins too late is all that one process does while the others have nothing to do.
 */
const MARGIN = 2;

/**
 * The cells of a sweep that were not started yet. They start in the order in which they were declared, so that the
 * first experiment's figures come first; near the end those come first that, with what requires them, take longest.
 */
export class StartOrder {
  private readonly waiting: Map<string, Cell>;
  /** Expected time of each open cell and of the longest chain of cells that require it. */
  private readonly chains: ReadonlyMap<string, number>;
  /** Ids as declared, and those of the longest chains first. */
  private readonly declared: Queue;
  private readonly longest: Queue;
  /** Expected time of all cells that are waiting. */
  private left = 0;

  /** @param jobs how many cells may be at work at once. */
  constructor(
    private readonly work: Pick<Work, 'open' | 'required' | 'costs'>,
    private readonly jobs: number,
  ) {
    const { open, costs } = work;
    this.waiting = new Map(open);
    this.chains = chainsOf(work);
    const ids = [...open.keys()];
    this.declared = new Queue(ids, this.waiting);
    this.longest = new Queue(
      [...ids].sort((a, b) => this.chains.get(b)! - this.chains.get(a)!),
      this.waiting,
    );
    for (const id of open.keys()) this.left += costs.get(id)!;
  }

  /** How many cells are waiting. */
  get size(): number {
    return this.waiting.size;
  }

  /** Whether the cell is waiting. */
  has(id: string): boolean {
    return this.waiting.has(id);
  }

  /** Notes that the cell starts. */
  take(id: string): void {
    if (this.waiting.delete(id)) this.left -= this.work.costs.get(id)!;
  }

  /** The cell to start next, of those that may; undefined where none may. */
  next(may: (id: string, cell: Cell) => boolean): [string, Cell] | undefined {
    for (const [id, cell] of this.longest.entries()) {
      if (this.chains.get(id)! * MARGIN < this.left / this.jobs) break;
      if (may(id, cell)) return [id, cell];
    }
    for (const [id, cell] of this.declared.entries()) if (may(id, cell)) return [id, cell];
    return undefined;
  }
}

/** Ids in some order, of which those are left that are still waiting. */
class Queue {
  private first = 0;

  constructor(
    private readonly ids: readonly string[],
    private readonly waiting: ReadonlyMap<string, Cell>,
  ) {}

  *entries(): Generator<[string, Cell]> {
    // those at the front that were taken are passed once, not at every start
    while (this.first < this.ids.length && !this.waiting.has(this.ids[this.first]!)) this.first++;
    for (let i = this.first; i < this.ids.length; i++) {
      const cell = this.waiting.get(this.ids[i]!);
      if (cell !== undefined) yield [this.ids[i]!, cell];
    }
  }
}

function chainsOf({ open, required, costs }: Pick<Work, 'open' | 'required' | 'costs'>): Map<string, number> {
  const chains = new Map([...open.keys()].map((id) => [id, costs.get(id)!]));
  // a cell comes after those that it requires, so that from the end on its own chain is known
  for (const id of [...open.keys()].reverse())
    for (const other of required.get(id)!)
      if (chains.has(other)) chains.set(other, Math.max(chains.get(other)!, costs.get(other)! + chains.get(id)!));
  return chains;
}
