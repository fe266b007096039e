// Reads the folders of finished demonstrations into results.csv, origin.json and the tables of README.md.
// usage: node collect.mjs [DEMONSTRATION=FOLDER...], such as minilm=out/minilm-1; gowide thin wrote each folder
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const here = (name) => join(import.meta.dirname, name);
const HEADER = 'demonstration,seed,net,rates,steps,validation,test,examples,parameters,mflop';
const titles = { validation: 'validation %', test: 'test %', examples: 'of test examples', mflop: 'MFLOP' };
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** Rows and origin of one folder. */
function collected(name, folder) {
  const { wide, thin, taken, trained } = readJson(join(folder, 'card.json'));
  // a run that was stopped and never asked for again has no result
  const isFinished = (run) => existsSync(join(folder, 'work/runs', run, 'DONE'));
  const runs = readdirSync(join(folder, 'work/runs')).filter(isFinished).sort();
  const environments = runs.flatMap((run) => readJson(join(folder, 'work/runs', run, 'env.json')));
  const seed = Number(/\.s(\d+)\./.exec(runs[0])[1]);
  const examples = wide.confusion.flat().reduce((a, b) => a + b);
  const size = ({ parameters, flops }) => [parameters, (flops / 1e6).toFixed(1)];
  const figures = (validation, test) => [validation.toFixed(1), test.toFixed(1), examples];
  const rows = [
    [name, seed, 'wide', '', '', ...figures(wide.validation.accuracy, wide.test.accuracy), ...size(wide)],
    ...trained.map(({ arm, rates, steps, validation, testAccuracy, run }) => [
      ...[name, seed, run === taken.run ? `${arm} (taken)` : arm, Object.values(rates).join(' and '), steps],
      ...[...figures(validation.accuracy, testAccuracy), ...size(thin)],
    ]),
  ];
  const times = environments.map(({ started }) => started).sort();
  const { engine, cpu, cores, platform } = environments[0];
  const origin = {
    commit: [
      ...new Set(environments.map(({ commit, dirty }) => `${commit.slice(0, 12)}${dirty ? ' changed' : ''}`)),
    ].join(', '),
    engine: `${engine.name} (${engine.version}) on ${engine.device}`,
    machine: `${cpu}, ${cores} threads, ${platform}`,
    from: times[0],
    to: times.at(-1),
    runs: runs.length,
    // a run that was stopped has a line in its record for every time that it was begun
    begun: environments.length,
  };
  return { rows: rows.map((row) => row.join(',')), origin };
}

/** The rows of a demonstration as a table of Markdown, its name left out. */
export function tableOf(csv, name) {
  const [head, ...rows] = csv
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  const line = (cells) => `| ${cells.slice(1).join(' | ')} |`;
  const mine = rows.filter(([first]) => first === name);
  return [line(head.map((key) => titles[key] ?? key)), line(head.map(() => '---')), ...mine.map(line)].join('\n');
}

function collect(given) {
  const [csvPath, originPath, pagePath] = [here('results.csv'), here('origin.json'), here('README.md')];
  const old = existsSync(csvPath) ? readFileSync(csvPath, 'utf8').trim().split('\n').slice(1) : [];
  const origins = existsSync(originPath) ? readJson(originPath) : {};
  let rows = old;
  for (const [name, folder] of given) {
    const found = collected(name, folder);
    const [, seed] = found.rows[0].split(',');
    rows = [...rows.filter((row) => !row.startsWith(`${name},${seed},`)), ...found.rows];
    origins[name] = { ...origins[name], [`seed ${seed}`]: found.origin };
  }
  const bySeed = (a, b) => a.split(',')[0].localeCompare(b.split(',')[0]) || a.split(',')[1] - b.split(',')[1];
  const csv = `${[HEADER, ...rows.sort(bySeed)].join('\n')}\n`;
  writeFileSync(csvPath, csv);
  writeFileSync(originPath, `${JSON.stringify(origins, null, 2)}\n`);
  const page = readFileSync(pagePath, 'utf8').replace(
    /<!-- (\S+) -->\n[^]*?<!-- end -->/g,
    (_, name) => `<!-- ${name} -->\n\n${tableOf(csv, name)}\n\n<!-- end -->`,
  );
  writeFileSync(pagePath, page);
}

if (process.argv[1] === import.meta.filename) collect(process.argv.slice(2).map((part) => part.split('=')));
