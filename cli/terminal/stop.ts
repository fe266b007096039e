/** Ctrl-C and SIGTERM: the first asks the work to stop after its step, the second ends the process at once. */

export function stopSignal(notice: (line: string) => void): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    notice('stopping after this step and saving; press Ctrl-C again to quit at once');
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}
