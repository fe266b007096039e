/** Processes that train one network together, each on a share of every batch. */
export interface Workers {
  /** How many workers there are. */
  readonly size: number;
  /** Which of them this one is, from 0. Worker 0 writes the run; the others write nothing. */
  readonly task: number;
  /**
   * Replaces the values by their sums over all workers, added up in the order of tasks, so that every worker has the
   * same bits. All workers call it with as many values. Throws FailureError that names a worker which is gone.
   */
  sum(values: Float32Array): Promise<void>;
  /** The bytes that worker 0 gives, on every worker; what the others give is not looked at. */
  share(bytes?: Uint8Array): Promise<Uint8Array>;
  /** The bytes of every worker, by task, on every worker. */
  gather(bytes: Uint8Array): Promise<readonly Uint8Array[]>;
  /** Throws FailureError that names this worker where its text is not worker 0's; `what` says what the text is of. */
  agree(what: string, text: string): Promise<void>;
}
