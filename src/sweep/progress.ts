/** Progress of a sweep: which share of its work is done, by the costs of its cells, and how long the rest takes. */
import type { Cell } from '../core/run.js';

/** What the work of a sweep costs, in the unit of `Runner.cost`. */
export interface Costs {
  /** Cost of each cell by id. */
  readonly costs: ReadonlyMap<string, number>;
  /** Cost of all cells. */
  readonly total: number;
  /** Cost of the cells that were finished before the sweep began. */
  readonly done: number;
  /** The cells that are to be done, by id. */
  readonly open: ReadonlyMap<string, Pick<Cell, 'kind' | 'experiment'>>;
}

/** Says where a cell stands, which share of the whole sweep is done, from 0 to 1, and how many seconds are left. */
export type SweepReporter = (
  cell: Cell,
  stage: string,
  done: number,
  total: number,
  sweep: { readonly share: number; readonly left?: number },
) => void;

/** A cell at work: when it began, in milliseconds, and which part of it is done, 0 to 1. */
interface AtWork {
  readonly began: number;
  readonly part: number;
}

/** Cells that take about as long as each other for what they cost. */
interface Group {
  /** Those of its kind, and every cell: what is known of the group before one of it was seen. */
  readonly wider: Group | undefined;
  /** Cost of its cells that are not finished. */
  open: number;
  /** Seconds of processes, and cost of what they did, of the cells that were finished here. */
  seconds: number;
  cost: number;
}

/** Cost of what must have been seen of a group for it to count as much as what was known before. */
const WEIGHT = 1;

/** Counts the finished cells of a sweep, and the finished parts of those that are at work. */
export class SweepProgress {
  private readonly underway = new Map<string, AtWork>();
  private readonly groups = new Map<string, Group>();
  private readonly groupOf = new Map<string, Group>();
  private done: number;

  /** @param now the clock, in milliseconds. */
  constructor(
    private readonly work: Costs,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.done = work.done;
    const all = this.group('', undefined);
    for (const [id, { kind, experiment }] of work.open) {
      const group = this.group(JSON.stringify([kind, experiment]), this.group(kind, all));
      this.groupOf.set(id, group);
      group.open += work.costs.get(id)!;
    }
  }

  private group(name: string, wider: Group | undefined): Group {
    let group = this.groups.get(name);
    if (group === undefined) this.groups.set(name, (group = { wider, open: 0, seconds: 0, cost: 0 }));
    return group;
  }

  /** Notes that a cell at work has done `done` of `total` steps. */
  note(id: string, done: number, total: number): void {
    const began = this.underway.get(id)?.began ?? this.now();
    this.underway.set(id, { began, part: total > 0 ? Math.min(1, done / total) : 0 });
  }

  /** Notes that a cell is no longer at work, because it was finished or because it failed. */
  end(id: string, { finished }: { finished: boolean }): void {
    const noted = this.underway.get(id);
    const cost = this.work.costs.get(id)!;
    this.underway.delete(id);
    const group = this.groupOf.get(id);
    if (group !== undefined) group.open -= cost;
    if (!finished) return;
    this.done += cost;
    if (noted === undefined) return;
    const seconds = (this.now() - noted.began) / 1000;
    for (let one = group; one !== undefined; one = one.wider) {
      one.seconds += seconds;
      one.cost += cost;
    }
  }

  /** Whether a cell was noted and has not ended. */
  atWork(id: string): boolean {
    return this.underway.has(id);
  }

  /** Share of the work that is done, from 0 to 1. */
  get share(): number {
    const underway = [...this.underway].reduce((sum, [id, { part }]) => sum + part * this.work.costs.get(id)!, 0);
    return Math.min(1, (this.done + underway) / this.work.total);
  }

  /**
   * Seconds until all is done, with as many cells at work as now. Costs are seconds of some machine: how many a unit
   * takes here is learned for each experiment from what was done of it, before that from others of its kind, and before
   * that from all.
   */
  get left(): number {
    const partly = new Map<Group, { seconds: number; cost: number }>();
    for (const [id, { began, part }] of this.underway) {
      const cost = part * this.work.costs.get(id)!;
      for (let group = this.groupOf.get(id); group !== undefined; group = group.wider) {
        const { seconds, cost: before } = partly.get(group) ?? { seconds: 0, cost: 0 };
        partly.set(group, { seconds: seconds + (this.now() - began) / 1000, cost: before + cost });
      }
    }
    const rate = (group: Group | undefined): number => {
      if (group === undefined) return 1;
      const { seconds, cost } = partly.get(group) ?? { seconds: 0, cost: 0 };
      return (group.seconds + seconds + WEIGHT * rate(group.wider)) / (group.cost + cost + WEIGHT);
    };
    let sum = 0;
    for (const group of this.groups.values()) sum += group.open * rate(group);
    let longest = 0;
    for (const [id, { part }] of this.underway) {
      const [group, cost] = [this.groupOf.get(id), this.work.costs.get(id)!];
      const ahead = (1 - part) * cost * rate(group);
      longest = Math.max(longest, ahead);
      sum -= part * cost * rate(group);
    }
    return Math.max(longest, sum / Math.max(1, this.underway.size));
  }
}
