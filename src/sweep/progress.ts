/** Progress of a sweep: which share of its work is done, by the costs of its cells, and how long the rest takes. */
import { EVALUATION, type Cell } from '../core/run.js';

/** What the work of a sweep costs, in the unit of `Runner.cost`. */
export interface Costs {
  /** Cost of each cell by id. */
  readonly costs: ReadonlyMap<string, number>;
  /** Steps that a cell reports, by id, if known; what it reports with another total comes before or after them. */
  readonly steps?: ReadonlyMap<string, number>;
  /** Cost of all cells. */
  readonly total: number;
  /** Cost of the cells that were finished before the sweep began. */
  readonly done: number;
  /** Ids of the cells that a cell waits for, where it waits for any. */
  readonly required?: ReadonlyMap<string, readonly string[]>;
  /** The cells that are to be done, by id. */
  readonly open: ReadonlyMap<string, Pick<Cell, 'kind' | 'experiment' | 'arm'>>;
}

/** Says where a cell stands, which share of the whole sweep is done, from 0 to 1, and how many seconds are left. */
export type SweepReporter = (
  cell: Cell,
  stage: string,
  done: number,
  total: number,
  sweep: { readonly share: number; readonly left?: number },
) => void;

/** Where a cell stood at some moment, in milliseconds, and which part of it was done, 0 to 1. */
interface Mark {
  readonly at: number;
  readonly part: number;
}

/** A cell at work. */
interface AtWork {
  /** When its work began; what precedes its steps, such as reading the data, is not counted. */
  readonly began: number;
  /** Whether its pace says something of cells of other kinds. */
  readonly typical: boolean;
  /** When its first step had been done: a process that opens an engine says nothing before, whatever its cell costs. */
  readonly first: Mark | undefined;
  readonly last: Mark;
  /** The evaluation that it is in after some of its steps: where its pass over a split began, and where it stands. */
  readonly pass?: { readonly first: Mark; readonly last: Mark } | undefined;
}

/** Seconds of processes, and the cost of what they did in them. */
interface Seen {
  seconds: number;
  cost: number;
}

/** Cells that take about as long as each other for what they cost. */
interface Group {
  /** What is known of the group before one of it was seen: those of its experiment, of its kind, every cell. */
  readonly wider: Group | undefined;
  /** Its cells that are not finished, by id, with their costs. */
  readonly open: Map<string, number>;
  /** What its cells that were finished here took. */
  readonly seen: Seen;
  /** Cost of what must have been seen of the group for it to count as much as what was known before. */
  readonly weight: number;
}

/** The weight of a {@link Group}: half of one of its cells, and at most this cost, as the pace of a cell is steady. */
const [HALF, MOST] = [0.5, 10];
/** The weight of cells that cost nothing. */
const LEAST = 1e-9;
/** A cell whose first step that is heard of is further than this was resumed. */
const RESUMED = 0.05;
/** The weight of a kind or an experiment, whose arms differ, is no less than this share of its cost. */
const SHARE = 0.05;

/** Above so many open cells the last of them make no difference to how long all take. */
const FEW = 100;

/** Counts the finished cells of a sweep, and the finished parts of those that are at work. */
export class SweepProgress {
  private readonly underway = new Map<string, AtWork>();
  private readonly groups = new Map<string, Group>();
  private readonly groupOf = new Map<string, Group>();
  /** How many cells were at work at once, at most. */
  private mostAtWork = 0;
  private openCells: number;
  private done: number;

  /**
   * @param now the clock, in milliseconds.
   * @param typical whether cells that begin now have the processors that the others will have: while an engine is set
   *   up they are slower, all of one kind, and say nothing of the kinds that wait for it.
   */
  constructor(
    private readonly work: Costs,
    private readonly now: () => number = () => performance.now(),
    private readonly typical: () => boolean = () => true,
  ) {
    this.done = work.done;
    this.openCells = work.open.size;
    const names = ({ kind, experiment, arm }: Pick<Cell, 'kind' | 'experiment' | 'arm'>): string[] =>
      [[], [kind], [kind, experiment], [kind, experiment, arm]].map((parts) => JSON.stringify(parts));
    const sums = new Map<string, { cost: number; cells: number }>();
    for (const [id, cell] of work.open)
      for (const name of names(cell)) {
        const { cost, cells } = sums.get(name) ?? { cost: 0, cells: 0 };
        sums.set(name, { cost: cost + work.costs.get(id)!, cells: cells + 1 });
      }
    for (const [id, cell] of work.open) {
      const own = names(cell);
      const [first, last] = [own[0], own.at(-1)]; // every cell, and its arm
      const group = own.reduce<Group | undefined>((wider, name) => {
        const { cost, cells } = sums.get(name)!;
        const half = Math.max(LEAST, Math.min(MOST, (HALF * cost) / cells));
        const weight = name === first || name === last ? half : Math.max(half, SHARE * cost);
        const known = this.groups.get(name) ?? { wider, open: new Map(), seen: { seconds: 0, cost: 0 }, weight };
        this.groups.set(name, known);
        return known;
      }, undefined)!;
      this.groupOf.set(id, group);
      group.open.set(id, work.costs.get(id)!);
    }
  }

  /** Notes that a cell at work has done `done` of `total` steps, or of what `stage` says that it does beside them. */
  note(id: string, done: number, total: number, stage?: string): void {
    const at = this.now();
    const steps = this.work.steps?.get(id);
    // an evaluation may be of as many examples as there are steps
    const precedes = steps !== undefined && (total !== steps || stage === EVALUATION) && done > 0;
    const share = total > 0 ? Math.min(1, done / total) : 0;
    const part = precedes ? 0 : share;
    const known = this.underway.get(id) ?? { began: at, typical: this.typical(), first: undefined };
    const last = { at, part };
    if (precedes && known.first !== undefined) {
      // what else comes after the last step, such as comparing the data once more, is not counted
      if (stage === EVALUATION && total > 0)
        this.underway.set(id, { ...known, pass: passWith(known.pass, { at, part: share }) });
      return;
    }
    if (precedes) this.underway.set(id, { ...known, began: at, first: undefined, last });
    // a stage that begins anew, of a cell whose steps are not known, has a pace of its own
    else if (known.first === undefined || part < known.first.part)
      this.underway.set(id, { ...known, first: part > 0 ? last : undefined, last, pass: undefined });
    else this.underway.set(id, { ...known, last, pass: undefined });
    this.mostAtWork = Math.max(this.mostAtWork, this.underway.size);
  }

  /** Notes that a cell is no longer at work, because it was finished or because it failed. */
  end(id: string, { finished }: { finished: boolean }): void {
    const noted = this.underway.get(id);
    const cost = this.work.costs.get(id)!;
    this.underway.delete(id);
    const group = this.groupOf.get(id);
    if (group?.open.delete(id)) this.openCells--;
    if (!finished) return;
    this.done += cost;
    if (noted !== undefined) {
      const { began, first, typical } = noted;
      const from = first !== undefined && first.part > RESUMED ? first : { at: began, part: 0 };
      const seen = { seconds: (this.now() - from.at) / 1000, cost: cost * (1 - from.part) };
      add((one) => one.seen, group, seen, typical);
    }
  }

  /** Whether a cell was noted and has not ended. */
  atWork(id: string): boolean {
    return this.underway.has(id);
  }

  /** Share of the work that is done, from 0 to 1; all of it where nothing costs anything. */
  get share(): number {
    const underway = [...this.underway].reduce((sum, [id, { last }]) => sum + last.part * this.work.costs.get(id)!, 0);
    return this.work.total > 0 ? Math.min(1, (this.done + underway) / this.work.total) : 1;
  }

  /**
   * Seconds until all is done, with as many cells at work as now; where the others wait for one of these, with as many
   * as there were at work before. Costs are seconds of some machine: how many a unit takes here is learned for each arm
   * from what was done of it, before that from others of its experiment, before that from others of its kind, and
   * before that from all. Near the end the cells that are left are dealt out, the longest first, as one that is begun
   * last is all that one process does while the others have nothing to do.
   */
  get left(): number {
    const rates = this.rates();
    const ends = new Map<string, number>();
    for (const [id, { last, pass }] of this.underway) {
      const seconds = this.work.costs.get(id)! * (rates.get(this.groupOf.get(id)!) ?? 1);
      // what was done since it spoke last
      const since = (this.now() - (pass?.last ?? last).at) / 1000;
      ends.set(id, Math.max(0, (1 - last.part) * seconds + secondsOfPass(pass) - since));
    }
    const waiting = new Map<string, number>();
    for (const [group, rate] of rates)
      for (const [id, cost] of group.open) if (!this.underway.has(id)) waiting.set(id, cost * rate);
    const processes = this.processesFor(waiting);
    const sum = [...ends.values(), ...waiting.values()].reduce((total, seconds) => total + seconds, 0);
    const atWork = Math.max(0, ...ends.values());
    return Math.max(atWork, sum / processes, this.openCells <= FEW ? this.dealtOut(ends, waiting, processes) : 0);
  }

  /** How many cells may be expected to be at work at once. */
  private processesFor(waiting: ReadonlyMap<string, number>): number {
    const idle = [...waiting.keys()].every((id) => this.openOf(id).length > 0);
    return Math.max(1, idle ? this.mostAtWork : this.underway.size);
  }

  /** The cells that a cell waits for and that are not finished. */
  private openOf(id: string): string[] {
    const required = this.work.required?.get(id) ?? [];
    return required.filter((other) => this.groupOf.get(other)?.open.has(other));
  }

  /**
   * Seconds until all is done when a process that is free takes the longest of the cells that may begin. `ends` has the
   * seconds until the cells at work end, `waiting` those that the others take.
   */
  private dealtOut(ends: ReadonlyMap<string, number>, waiting: ReadonlyMap<string, number>, processes: number): number {
    const done = new Map(ends);
    const free = [...ends.values(), ...Array<number>(Math.max(0, processes - ends.size)).fill(0)];
    const left = [...waiting]
      .sort(([, a], [, b]) => b - a)
      .map(([id, seconds]) => ({ id, seconds, waitsFor: this.openOf(id) }));
    while (left.length > 0) {
      // when the cells that it waits for have ended, which nobody knows of one that is not dealt out yet
      const begins = left.map(({ waitsFor }) => Math.max(0, ...waitsFor.map((other) => done.get(other) ?? Infinity)));
      const process = free.indexOf(Math.min(...free));
      const from = Math.max(free[process]!, Math.min(...begins));
      if (from === Infinity) break;
      const next = begins.findIndex((begin) => begin <= from);
      const { id, seconds } = left[next]!;
      left.splice(next, 1);
      done.set(id, from + seconds);
      free[process] = from + seconds;
    }
    return Math.max(0, ...free);
  }

  /** Seconds that a unit of cost takes here, for every group that cells are in. */
  private rates(): Map<Group, number> {
    const partly = new Map<Group, Seen>();
    const partlyOf = (group: Group): Seen => {
      const seen = partly.get(group) ?? { seconds: 0, cost: 0 };
      partly.set(group, seen);
      return seen;
    };
    for (const [id, { typical, first, last }] of this.underway)
      if (first !== undefined) {
        const cost = (last.part - first.part) * this.work.costs.get(id)!;
        add(partlyOf, this.groupOf.get(id), { seconds: (last.at - first.at) / 1000, cost }, typical);
      }
    const rates = new Map<Group, number>();
    const rateOf = (group: Group | undefined): number => {
      if (group === undefined) return 1;
      const known = rates.get(group);
      if (known !== undefined) return known;
      const { seen, weight, wider } = group;
      const { seconds, cost } = partly.get(group) ?? { seconds: 0, cost: 0 };
      const rate = (seen.seconds + seconds + weight * rateOf(wider)) / (seen.cost + cost + weight);
      rates.set(group, rate);
      return rate;
    };
    for (const group of this.groups.values()) rateOf(group);
    return rates;
  }
}

/** An evaluation that stands at a mark: the same pass over a split if that is further on, else the next one. */
function passWith(known: AtWork['pass'], mark: Mark): AtWork['pass'] {
  return known !== undefined && mark.part > known.last.part ? { ...known, last: mark } : { first: mark, last: mark };
}

/** Seconds that the rest of a pass takes at the pace that it has had, 0 where that is not known yet. */
function secondsOfPass(pass: AtWork['pass']): number {
  if (pass === undefined || pass.last.part <= pass.first.part) return 0;
  const { first, last } = pass;
  return ((1 - last.part) * (last.at - first.at)) / 1000 / (last.part - first.part);
}

/** Adds what was seen of a group to it and to all that it is part of, to all cells only where it is typical of them. */
function add(of: (group: Group) => Seen, group: Group | undefined, { seconds, cost }: Seen, typical: boolean): void {
  for (let one = group; one !== undefined && (typical || one.wider !== undefined); one = one.wider) {
    const seen = of(one);
    seen.seconds += seconds;
    seen.cost += cost;
  }
}
