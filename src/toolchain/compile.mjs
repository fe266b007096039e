/** How sources become programs of Node, said once: the build, its bundles and the tests of the tests read it. */

/** What esbuild is told wherever it writes for Node; `target` is the oldest version that package.json takes. */
export const FOR_NODE = { platform: 'node', format: 'esm', target: 'node20' };

/** What it is told where one source becomes one file, whose texts stay as they are written. */
export const FILE_BY_FILE = { ...FOR_NODE, charset: 'utf8' };
