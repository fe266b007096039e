/** Progress on stderr: one line with bar, rate and time left on a terminal; plain lines, few of them, elsewhere. */
import { isQuiet, notice } from './notices.js';

/** `1:02:03`, `2:31` or `0:07`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const pad = (n: number): string => String(n).padStart(2, '0');
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
}

const BAR_WIDTH = 20;
/** A plain line at most this often. */
const PLAIN_SECONDS = 15;
/** What goes on beside the main work is shown when that has said nothing for so long. */
const QUIET_SECONDS = 2;

/**
 * The line of progress on standard error: one that is written over on a terminal, and now and then a new one
 * elsewhere.
 */
export class Progress {
  private readonly terminal = process.stderr.isTTY === true;
  private started: number | undefined;
  private lastPlain = -Infinity;
  private lastUpdate = -Infinity;
  private shown = false;

  /**
   * `share` is the finished part of all work, 0 to 1, and `first` the part that was finished before this process began;
   * `detail` says what is at work and how fast. The seconds left are those that are given, else as the share says.
   */
  update(stage: string, share: number, detail: string, first = 0, seconds?: number): void {
    if (isQuiet()) return;
    const now = performance.now();
    this.started ??= now;
    this.lastUpdate = now;
    const elapsed = (now - this.started) / 1000;
    const done = share - first;
    const known = seconds ?? (done > 0.005 ? (elapsed * (1 - share)) / done : undefined);
    const left = known !== undefined && elapsed > 3 ? ` left ${clock(known)}` : '';
    const percent = `${String(Math.floor(share * 100)).padStart(3)}%`;
    if (this.terminal) {
      const filled = Math.round(share * BAR_WIDTH);
      const text = `${percent} [${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]${left} | ${stage} ${detail}`;
      process.stderr.write(`\r\x1b[2K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
      this.shown = true;
    } else if (now - this.lastPlain > PLAIN_SECONDS * 1000) {
      process.stderr.write(`${clock(elapsed)} ${percent}${left} | ${stage} ${detail}\n`);
      this.lastPlain = now;
    }
  }

  /** Shows what goes on beside the main work, as {@link update} does, unless that has just been shown. */
  aside(stage: string, share: number, detail: string): void {
    const { started, lastUpdate } = this;
    if (performance.now() - lastUpdate < QUIET_SECONDS * 1000) return;
    this.started = undefined; // a time left of its own would need more than one share
    this.update(stage, share, detail);
    Object.assign(this, { started, lastUpdate });
  }

  /** A line that stays. */
  line(text: string): void {
    this.clear();
    notice(text);
  }

  /** Takes the bar away. */
  clear(): void {
    if (this.shown) process.stderr.write('\r\x1b[2K');
    this.shown = false;
  }
}

/** Steps per second of one activity, over about the last ten seconds. */
export class Rate {
  private samples: { at: number; done: number }[] = [];

  /** `" 24.1/s"`, or nothing before it can be known. */
  text(done: number): string {
    const now = performance.now();
    if (done < (this.samples.at(-1)?.done ?? 0)) this.samples = [];
    this.samples.push({ at: now, done });
    this.samples = this.samples.filter((sample) => now - sample.at < 10_000);
    const [oldest] = this.samples;
    const seconds = (now - oldest!.at) / 1000;
    return seconds > 0.5 ? ` ${((done - oldest!.done) / seconds).toFixed(1)}/s` : '';
  }
}
