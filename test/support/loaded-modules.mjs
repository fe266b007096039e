/**
 * For `node --import`: writes the URL of every module that the process loads, by import or by require, to the file
 * that $LOADED_MODULES names, a line each.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const file = process.env.LOADED_MODULES;
const note = (url) => appendFileSync(file, `${url}\n`);
writeFileSync(file, '');

if (module.registerHooks !== undefined) {
  module.registerHooks({
    load: (url, context, next) => {
      note(url);
      return next(url, context);
    },
  });
} else {
  const hook = `
    import { appendFileSync } from 'node:fs';
    export function load(url, context, next) {
      appendFileSync(${JSON.stringify(file)}, url + '\\n');
      return next(url, context);
    }`;
  module.register(`data:text/javascript,${encodeURIComponent(hook)}`);
}

const require = createRequire(import.meta.url);
process.on('exit', () => Object.keys(require.cache).forEach((path) => note(pathToFileURL(path).href)));
