/** How much of a sweep's work is done, by the costs of its cells. */

/** Costs of all cells by id; their sum; and what of it is done before the sweep. */
export interface Costs {
  readonly costs: ReadonlyMap<string, number>;
  readonly total: number;
  readonly done: number;
}

export class SweepProgress {
  private readonly parts = new Map<string, number>();
  private done: number;

  constructor(private readonly work: Costs) {
    this.done = work.done;
  }

  /** Where a cell stands that is at work. */
  note(id: string, done: number, total: number): void {
    this.parts.set(id, total > 0 ? Math.min(1, done / total) : 0);
  }

  /** The cell is at work no more. */
  end(id: string, { finished }: { finished: boolean }): void {
    this.parts.delete(id);
    if (finished) this.done += this.work.costs.get(id)!;
  }

  atWork(id: string): boolean {
    return this.parts.has(id);
  }

  /** 0 to 1. */
  get share(): number {
    const underway = [...this.parts].reduce((sum, [id, part]) => sum + part * this.work.costs.get(id)!, 0);
    return Math.min(1, (this.done + underway) / this.work.total);
  }
}
