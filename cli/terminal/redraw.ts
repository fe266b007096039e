/** The report of a command that takes minutes, drawn early and again while it works. */
import { spawn, type ChildProcess } from 'node:child_process';
import { EXECUTABLE } from './executable.js';

/** Seconds until the first page, and the least and the most between two of them. */
const [FIRST, LEAST, MOST] = [30, 60, 600];
/** A page that is not drawn by then is given up; the next one has its turn. */
const LIMIT = 120;

/** A page that is drawn again while its runs go on. */
export interface Redrawing {
  /** Ends it; a page that is being drawn is given up. */
  readonly stop: () => void;
}

/**
 * Draws the page of the runs in `out` into `file` again and again, each in a process of its own, so that the work goes
 * on. Drawing takes a processor some seconds, so that pages grow rarer with the time that the work takes. A page that
 * fails is left to the next. `drawn` is called after the first, which is begun after `first` seconds.
 */
export function redraw(out: string, file: string, drawn: () => void, first = FIRST): Redrawing {
  let child: ChildProcess | undefined;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let pages = 0;
  const began = performance.now();
  const wait = (seconds: number): void => {
    timer = setTimeout(draw, seconds * 1000);
    timer.unref();
  };
  const waitAgain = (): void => wait(Math.min(MOST, Math.max(LEAST, (performance.now() - began) / 1000)));
  const draw = (): void => {
    child = spawn(process.execPath, [EXECUTABLE, 'report', out, '--out', file], {
      stdio: 'ignore',
      timeout: LIMIT * 1000,
      killSignal: 'SIGKILL',
    });
    child.unref();
    child.once('error', () => !stopped && waitAgain());
    child.once('exit', (status) => {
      child = undefined;
      if (stopped) return;
      if (status === 0 && ++pages === 1) drawn();
      waitAgain();
    });
  };
  wait(first);
  const stop = (): void => {
    stopped = true;
    clearTimeout(timer);
    // its own listeners stay: the time limit, which keeps this process, goes when it is heard to have ended
    child?.kill('SIGKILL');
  };
  process.once('exit', stop);
  return {
    stop: () => {
      process.off('exit', stop);
      stop();
    },
  };
}
