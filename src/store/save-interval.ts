/** How often a state is saved: the more it costs, the less often, so that large networks do not wait for their disk. */

/** Seconds between two savings, at least. */
const SECONDS = 10;

/** Time between two savings, in times of what the last one took, at least: saving costs less than a twentieth. */
const TIMES = 20;

/** Seconds between two savings, at most: a disk that once was slow must not cost hours of work. */
const MOST_SECONDS = 1200;

/** When it is time to save. */
export class SaveInterval {
  private savedAt: number;
  private dueSince: number | undefined;
  /** Milliseconds that the last saving took. */
  private took = 0;

  /**
   * `seconds` is the time between two savings whatever they cost; `now` a clock of milliseconds. Throws RangeError on
   * seconds that are no number, with which nothing would ever be saved.
   */
  constructor(
    private readonly seconds?: number,
    private readonly now = (): number => performance.now(),
  ) {
    if (seconds !== undefined && Number.isNaN(seconds))
      throw new RangeError('SaveInterval: seconds: expected a number, got NaN');
    this.savedAt = now();
  }

  /** Whether it is time to save. What follows, up to the end of {@link save}, counts as what saving costs. */
  isDue(): boolean {
    const now = this.now();
    const usual = Math.min(Math.max(1000 * SECONDS, TIMES * this.took), 1000 * MOST_SECONDS);
    const wait = this.seconds === undefined ? usual : 1000 * this.seconds;
    this.dueSince = now - this.savedAt > wait ? now : undefined;
    return this.dueSince !== undefined;
  }

  /** Saves by `write`. */
  save(write: () => void): void {
    const began = this.dueSince ?? this.now();
    write();
    this.savedAt = this.now();
    this.took = this.savedAt - began;
    this.dueSince = undefined;
  }
}
