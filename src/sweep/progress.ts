/** Progress of a sweep: which share of its work is done, by the costs of its cells. */

/** What the work of a sweep costs, in the unit of `Runner.cost`. */
export interface Costs {
  /** Cost of each cell by id. */
  readonly costs: ReadonlyMap<string, number>;
  /** Cost of all cells. */
  readonly total: number;
  /** Cost of the cells that were finished before the sweep began. */
  readonly done: number;
}

/** Counts the finished cells of a sweep, and the finished parts of those that are at work. */
export class SweepProgress {
  private readonly parts = new Map<string, number>();
  private done: number;

  constructor(private readonly work: Costs) {
    this.done = work.done;
  }

  /** Notes that a cell at work has done `done` of `total` steps. */
  note(id: string, done: number, total: number): void {
    this.parts.set(id, total > 0 ? Math.min(1, done / total) : 0);
  }

  /** Notes that a cell is no longer at work, because it was finished or because it failed. */
  end(id: string, { finished }: { finished: boolean }): void {
    this.parts.delete(id);
    if (finished) this.done += this.work.costs.get(id)!;
  }

  /** Whether a cell was noted and has not ended. */
  atWork(id: string): boolean {
    return this.parts.has(id);
  }

  /** Share of the work that is done, from 0 to 1. */
  get share(): number {
    const underway = [...this.parts].reduce((sum, [id, part]) => sum + part * this.work.costs.get(id)!, 0);
    return Math.min(1, (this.done + underway) / this.work.total);
  }
}
