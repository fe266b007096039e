/**
 * Loads TensorFlow without the lines that it writes to standard error as it loads: they come before it has read
 * `TF_CPP_MIN_LOG_LEVEL`, so that nothing else keeps them from the output of a program that uses this library.
 */
import { join } from 'node:path';
import { FailureError } from '../../core/errors.js';
import { loadAddon, type AddonSource } from '../../toolchain/addon.js';

interface Addon {
  begin(): boolean;
  end(): string;
}

/** The addon that holds the lines back. */
export const QUIET: AddonSource = {
  name: 'quiet',
  what: 'the addon that holds back what TensorFlow says as it loads',
  without: 'its lines are shown',
  source: join(import.meta.dirname, 'quiet.cc'),
};

/** Undefined where it cannot be built: TensorFlow's lines are seen there. */
function loadQuiet(): Addon | undefined {
  try {
    return loadAddon<Addon>(QUIET);
  } catch (error) {
    if (!(error instanceof FailureError)) throw error;
    return undefined;
  }
}

/** Lines of abseil's log that are information, and the one before them. */
const INFORMATION = /^(?:I\d{4} |WARNING: All log messages before absl::InitializeLog\(\)|To enable the following )/;

/** What is left of a library's output without its lines of information. */
export function withoutInformation(text: string): string {
  return text
    .split(/(?<=\n)/)
    .filter((line) => !INFORMATION.test(line))
    .join('');
}

/**
 * Calls `load`, which is synchronous; what is written to standard error meanwhile appears after it, without lines of
 * information. Everything appears as it is written where `TF_CPP_MIN_LOG_LEVEL` is 0.
 */
export function quietly<T>(load: () => T): T {
  const addon = process.env.TF_CPP_MIN_LOG_LEVEL === '0' ? undefined : loadQuiet();
  if (addon?.begin() !== true) return load();
  try {
    return load();
  } finally {
    process.stderr.write(withoutInformation(addon.end()));
  }
}
