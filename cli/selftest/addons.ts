/** Addons in the cache that are not what was built: a cut one would end the process, one with a flipped bit compute. */
import { chownSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chances, firstOf, isOneLine, scaled, type Check, type Measured, type Place } from './check.js';

/** An addon that says 42: built in a second, and loaded as the kernel is. */
const SOURCE = `#include <node_api.h>
NAPI_MODULE_INIT() {
  napi_value answer;
  napi_create_int32(env, 42, &answer);
  napi_set_named_property(env, exports, "answer", answer);
  return exports;
}
`;

const DAMAGES: Readonly<Record<string, (path: string, chance: () => number) => void>> = {
  'flipped by a bit': (path, chance) => {
    const bytes = readFileSync(path);
    bytes[Math.floor(chance() * bytes.length)]! ^= 1 << Math.floor(8 * chance());
    writeFileSync(path, bytes);
  },
  'cut off': (path, chance) => truncateSync(path, Math.floor(chance() * readFileSync(path).length)),
  'replaced by another file': (path) => writeFileSync(path, '#!/bin/sh\n'),
  empty: (path) => truncateSync(path, 0),
};

interface Loaded {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Loads the addon in a process of its own, which a damaged one could end. */
function load({ children, folder }: Place, cache: string): Loaded {
  const source = join(folder, 'source', 'answer.cc');
  const module = pathToFileURL(join(import.meta.dirname, '..', '..', 'src', 'toolchain', 'addon.js')).href;
  const addon = { name: 'answer', what: 'the addon', without: 'nothing is there without it', source };
  const script = `import(${JSON.stringify(module)}).then(
    ({ loadAddon }) => process.stdout.write(String(loadAddon(${JSON.stringify(addon)}).answer)),
  ).catch((error) => { process.stderr.write(error.message); process.exitCode = 1; })`;
  const env = { ...process.env, GOWIDE_CACHE: cache };
  return children.run(process.execPath, ['-e', script], { env });
}

/** Gives a file to another user; false where this root may not, as in some containers. */
function givenAway(path: string): boolean {
  try {
    chownSync(path, 65_534, 65_534);
    return true;
  } catch {
    return false;
  }
}

async function addons(place: Place): Promise<Measured> {
  const cache = join(place.folder, 'cache');
  [cache, join(place.folder, 'source')].forEach((folder) => mkdirSync(folder));
  writeFileSync(join(place.folder, 'source', 'answer.cc'), SOURCE);
  const first = load(place, cache);
  if (/needs a C\+\+ compiler/.test(first.stderr)) return { pass: undefined, figure: `not run: ${first.stderr}` };
  const built = readdirSync(cache, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.node'));
  if (first.stdout !== '42' || built === undefined) return { pass: false, figure: `is not built: ${first.stderr}` };
  const path = join(cache, built);
  const whole = readFileSync(path);
  const chance = chances('addons');
  const wrong: string[] = [];
  let loads = 0;
  for (const [name, damage] of Object.entries(DAMAGES).slice(0, scaled(4, place)))
    for (let k = 0; k < scaled(5, place); k++) {
      damage(path, chance);
      const damaged = readFileSync(path);
      const { status, stdout, stderr } = load(place, cache);
      loads++;
      if (status !== 0 || stdout !== '42') wrong.push(`${name}: status ${status}, ${stdout} ${stderr.slice(0, 200)}`);
      else if (readFileSync(path).equals(damaged) && !damaged.equals(whole)) wrong.push(`${name}: was loaded`);
    }
  let foreign = 'not tried, which needs root';
  if (process.getuid?.() === 0 && givenAway(path)) {
    const { status, stderr } = load(place, cache);
    foreign =
      status === 1 && isOneLine(stderr) && /is not loaded: .* belongs to user 65534/.test(stderr) ? 'named' : '';
    if (foreign === '') wrong.push(`one of another user: status ${status} ${stderr.slice(0, 200)}`);
  }
  return {
    pass: wrong.length === 0,
    figure:
      `${loads} damaged ones built anew before they were loaded; one of another user ${foreign}; ${wrong.length} not ` +
      `borne${firstOf(wrong)}`,
  };
}

/** The check of addons in the cache that are damaged or another user’s. */
export const ADDONS: Check = {
  id: 'addons',
  what: 'an addon in the cache cut off, flipped by a bit, or of another user: never loaded',
  run: addons,
};
