/** What users type wrongly, in every command. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { gowideHere, newFolder } from '../support/program.js';

describe('wrong use: one line that names what was wrong and what is allowed, status 2, no stack trace', () => {
  const TABLES = resolve(import.meta.dirname, '../../reports/results');
  const file = join(newFolder(), 'file');
  writeFileSync(file, '');
  const TENSORS = join(newFolder(), 'empty.safetensors');
  writeFileSync(TENSORS, '');
  const SIMULATION = join(newFolder(), 'simulation.json');
  writeFileSync(SIMULATION, '{}');
  const NETWORK = join(newFolder(), 'network.json');
  writeFileSync(NETWORK, '');
  const OUTPUT = join(newFolder(), 'outputs.safetensors');
  const WIDE = join(newFolder(), 'wide.json');
  writeFileSync(WIDE, '{"model": {"depth": 3, "d": 4, "width": 16, "outputs": 100000000}}');
  const ARMS = join(newFolder(), 'arms.json');
  const ARM = { data: {}, network: {}, training: {} };
  writeFileSync(ARMS, JSON.stringify({ wide: ARM, direct: ARM }));
  const EPOCHS = join(newFolder(), 'epochs.json');
  writeFileSync(EPOCHS, '{"training": {"epochs": "1", "batch": 8}}');
  const LOOP = join(newFolder(), 'loop');
  symlinkSync('loop', LOOP);
  const RESNET = join(newFolder(), 'resnet.json');
  writeFileSync(RESNET, '{"datta": {"set": "digits"}, "network": {"family": "resnet"}}');
  const STORE = newFolder();
  mkdirSync(join(STORE, 'runs', 'one'), { recursive: true });
  const NOWHERE = join(newFolder(), 'nowhere');
  symlinkSync('gone', NOWHERE);
  const NAMELESS = join(newFolder(), 'nameless.json');
  writeFileSync(NAMELESS, '{"particles": "", "model": {"depth": 1, "d": 2, "width": 4}}');
  const AT = join(STORE, 'a store');
  mkdirSync(join(AT, 'runs'), { recursive: true });
  const TOGETHER = ['train', 'resnet', '--arm', 'direct', '--out', newFolder()];
  test.each<[string[], RegExp]>([
    [
      ['reproduce', '--scael', 'minutes'],
      /unknown option '--scael'.*; options here: --scale, --out, .*See: gowide reproduce --help/,
    ],
    [['reproduce', '--scale', 'mintues'], /Allowed choices are .* \(Did you mean minutes\?\)\. See/],
    [['thin', 'x', '--tries', '2'], /Allowed choices are 1, 3, 6\. See: gowide thin --help/],
    [['trian'], /unknown command 'trian' \(Did you mean train\?\)/],
    [['runs', 'help', 'lsit'], /unknown command 'lsit' \(Did you mean list\?\)/],
    [['train', 'resnet', '--set', 'traning.steps=4'], /no key "traning"; .* Did you mean "training"\?/],
    [
      ['train', 'resnet', '--arm', 'three-stage|direct', '--set', 'imitation.recipe.steps=2'],
      /--set imitation.recipe.steps=2: no key "imitation.recipe", as imitation is null \(arm direct\)/,
    ],
    [['train', 'resnet', '--set', 'training.stpes=4'], /no key "training.stpes"; .*mean "training.steps"\?/],
    [['completion', 'bahs'], /unknown shell "bahs"; .* Did you mean "bash"\?/],
    [['reproduce', '--scale', 'hours'], /--scale.*'hours' is invalid.*minutes, laptop, gpu, paper/],
    [['reproduce', '--scale', 'overnight'], /--scale.*'overnight' is invalid.*minutes, laptop, gpu, paper/],
    [['sweep', 'theory', '--scale', 'gpu'], /theory: no experiment of it is declared .*; declared: minutes, laptop/],
    [
      ['sweep', 'width', '--scale', 'paper'],
      /experiment "width" is not declared at scale "paper"; declared: minutes, laptop/,
    ],
    [['frobnicate'], /unknown command 'frobnicate'; commands: demo, reproduce, report, .*See: gowide --help/],
    [
      ['theory', 'run', 'widht'],
      /unknown study "widht"; expected one of: all, width, depth, time, imitation, .*saddle, .*\. Did you mean "width"\?/,
    ],
    [['train', 'resnet', '--arm', 'x'], /unknown arm "x"; expected one of: all, wide, direct, three-stage, long/],
    [['train', 'resnet', '--arm', 'kd'], /arm "kd" is not declared at scale "minutes"; declared: laptop, gpu, paper/],
    [['train', 'gpt'], /unknown group of experiments "gpt"; expected one of: resnet, bert/],
    [
      ['train', 'bert', '--experiment', 'x'],
      /unknown experiment "x"; expected one of: bert-glosses, bert-supersense, bert-squad, sst2, sst2-base, bert-ablations/,
    ],
    [
      ['train', 'bert', '--arm', 'direct', '--set', 'data.vocabulary=/no/vocab.txt'],
      /vocab.txt: not found; expected a vocabulary: .* or a folder/,
    ],
    [
      ['train', 'bert', '--experiment', 'bert-squad', '--scale', 'paper', '--arm', 'fresh', '--out', newFolder()],
      /texts: not found; expected a folder with .txt files/,
    ],
    [['squad', file, file], /file: the file is empty; expected a JSON object/],
    [
      ['train', 'resnet', '--experiment', 'x'],
      /unknown experiment "x"; expected one of: resnet-digits, depth-skip, resnet-ablations, resnet-hierarchy/,
    ],
    [
      ['tune', 'resnet', '--experiment', 'resnet-ablations'],
      /resnet-ablations declares no grid of learning rates; expected one of: resnet-digits, depth-skip, resnet-hierarchy/,
    ],
    [['tune', 'resnet', '--arm', '^x$'], /unknown arm "\^x\$"; expected one of: all, wide, direct/],
    [
      ['train', 'resnet', '--scale', 'paper', '--arm', 'direct', '--out', newFolder()],
      /data.folder imagenet: imagenet.train not found; put pictures into imagenet.train.<class>. and imagenet.val.<class>./,
    ],
    [['params', 'resnet51'], /unknown network "resnet51"; expected one of: resnet18, .*Did you mean "resnet\d+"\?/],
    [
      ['predict', '--model', 'resnet18', '--weights', TENSORS, '--input', TENSORS, '--output', OUTPUT],
      /not a valid safetensors file: 0 bytes/,
    ],
    [['predict', '--model', 'resnet18'], /required option '--input <path>' not specified/],
    [
      ['predict', '--model', 'resnet18', '--input', TENSORS, '--output', OUTPUT],
      /resnet18: --weights is needed: a safetensors file/,
    ],
    [
      ['predict', '--model', tmpdir(), '--input', TENSORS, '--output', OUTPUT],
      /no config.json in it; expected a folder as Hugging Face/,
    ],
    [['bench', 'bert-base', '--cases', 'x'], /unknown case "x"; expected one of: train 8 x 128, inference 8 x 128/],
    [['bench', 'resnet50', '--cases', 'x'], /unknown case "x"; expected one of: train 224 px batch 8/],
    [['train', 'resnet', '--engine', 'cuda'], /unknown engine "cuda"; expected one of: auto, tensorflow, webgpu, wasm/],
    [['train', 'resnet', '--seed', '-1'], /--seed.*whole number of at least 0/],
    [['train', 'resnet', '--seeds', '1.5'], /--seeds.*whole number of at least 1/],
    [
      ['train', 'resnet', '--arm', 'direct', '--set', 'training.stepz=3'],
      /no key "training.stepz"; here are: steps, batch, schedule, optimizer, objective/,
    ],
    [
      ['train', 'resnet', '--arm', 'direct', '--set', 'training.steps=many'],
      /invalid training spec: .*training\.steps/,
    ],
    [['train', 'resnet', '--config', join(tmpdir(), 'gowide-none.json')], /gowide-none.json: no such file/],
    [['train', 'resnet', '--config', file], /file: the file is empty; expected a JSON object/],
    [['params', NETWORK], /network.json: the file is empty; expected a JSON object/],
    [
      ['theory', 'run', 'saddle', '--out', join(file, 'deeper')],
      /cannot write .*deeper.*choose another folder with --out/,
    ],
    [['theory', 'run', 'saddle', '--out', '/proc/gowide'], /\/proc\/gowide/],
    [['theory', 'exact', 'chian'], /unknown exact limit "chian"; expected one of: chain, .*Did you mean "chain"\?/],
    [['theory', 'exact', 'chain', '--config', file], /file: the file is empty; expected a JSON object/],
    [
      ['theory', 'simulate', '--out', tmpdir()],
      /required option '--config <file>' not specified.*See: gowide theory simulate --help/,
    ],
    [
      ['theory', 'simulate', '--config', join(tmpdir(), 'gowide-none.json'), '--out', tmpdir()],
      /gowide-none.json: no such file/,
    ],
    [['bench', 'particles', '--peer', 'numpy'], /'numpy' is invalid.*jax/],
    [['bench', 'particles', '--widths', '8,x'], /whole numbers of at least 1 and at most 16777216, with commas/],
    [
      ['runs', 'list', '--out', join(tmpdir(), 'gowide-none')],
      /no runs there, as there is no such folder; name the folder with --out/,
    ],
    [['report', join(tmpdir(), 'gowide-none')], /no runs there/],
    [['report', '--compare', TABLES], /--compare: expected two folders of runs, got 1/],
    [
      ['report', TABLES, '--scale', 'paper', '--out', join(newFolder(), 'page.html')],
      /^error: --scale paper: no finished run of that scale in \S+; expected one of: laptop/,
    ],
    [['report', '--compare', TABLES, TABLES, '--scale', 'paper', '--json'], /^error: --scale paper: no finished run/],
    [
      ['report', `${TABLES}/none of it`],
      /none of it: no runs there, as there is no such folder; make some with: gowide reproduce --out '\S+none of it'$/m,
    ],
    [['report', TABLES, '--json', '--markdown'], /'--json' cannot be used with option '--markdown'/],
    [['report', TABLES, '--scale', 'huge'], /--scale.*minutes, laptop, overnight, gpu, paper/],
    [['watch', TABLES, '--port', 'x'], /--port.*Expected a port from 0 to 65535/],
    [['sweep', 'saddel'], /unknown experiment "saddel"; expected one of: all, theory, .*Did you mean "saddle"\?/],
    [
      ['sweep', 'saddle', '--scale', 'minutes', '--set', 'drws=3'],
      /invalid spec of study "saddle": unknown key "drws" \(did you mean "draws"\?\) \(experiment saddle, arm B1\)/,
    ],
    [
      ['sweep', 'saddle', 'resnet-digits', '--scale', 'minutes', '--set', 'draws=3'],
      /--set draws=3: no key "draws"; here are: data, .* \(experiment resnet-digits, arm wide\)/,
    ],
    [['sweep', 'saddle', '--shard', '3/2'], /--shard 3\/2: expected i\/n with 1 <= i <= n/],
    [['sweep', 'saddle', '--shard', '1/2', '--slurm'], /'--shard <i\/n>' cannot be used with option '--slurm'/],
    [['sweep', 'saddle', '--script'], /--script is of the back end "slurm", and this sweep uses "pool"; add --slurm/],
    [['sweep', 'saddle', '--queue', ''], /--queue <url>: nothing was given/],
    [
      ['sweep', 'saddle', '--queue', 'http://a:geheim@b', '--out', newFolder()],
      /--queue http:\/\/\*\*\*@b: expected redis:/,
    ],
    [
      ['sweep', 'saddle', '--queue', 'redis://h', '--name', 'a b', '--out', newFolder()],
      /--name a b: expected letters/,
    ],
    [['sweep', 'status'], /--queue or \$GOWIDE_QUEUE is needed/],
    [['worker'], /--queue or \$GOWIDE_QUEUE is needed/],
    [['worker', '--queue', 'redis://h', '--lock', '0'], /--lock.*whole number of at least 2/],
    [['runs', 'merge', join(tmpdir(), 'gowide-none')], /no runs there/],
    [['runs', 'verify', '--out', join(tmpdir(), 'gowide-none')], /no runs there/],
    [['selftest'], /say what is to be tested: --faults/],
    [
      ['selftest', '--faults', '--checks', 'kil'],
      /unknown check "kil"; expected one of: kill, .*Did you mean "kill"\?/,
    ],
    [['plan', '--scale', 'huge'], /--scale.*minutes, laptop, overnight, gpu, paper/],
    [['plan', '--devices', '0'], /--devices.*whole number of at least 1/],
    [['plan', '--tflops', '-1'], /--tflops/],
    [['plan', '--tflops', '1e300'], /--tflops.*Expected a number from 0.000001 to 1000000/],
    [['plan', '--tflops', '1e-300'], /--tflops.*Expected a number from 0.000001 to 1000000/],
    [['plan', '--workers', '2', '--bandwidth', '1e300'], /--bandwidth.*Expected a number from/],
    [['report', TABLES, '--tables', file], /cannot write .*file.*choose another folder with --tables\n$/],
    [['report', TABLES, '--site', file], /cannot write .*file.*choose another folder with --site\n$/],
    [
      ['train', 'resnet', '--arm', 'direct', '--arm', 'wide'],
      /option '--arm <pattern>' is given twice, "direct" and "wide"; expected it once\. See: gowide train --help/,
    ],
    [['theory', 'run', 'saddle', '--seed=1', '--seed', '2'], /option '--seed <n>' is given twice, "1" and "2"/],
    [
      ['train', 'resnet', '--seed', '9007199254740991', '--seeds', '2'],
      /--seed 9007199254740991: the last of 2 seeds would be above 9007199254740991; give a smaller one/,
    ],
    [
      ['theory', 'run', 'saddle', '--seed', '9007199254740991', '--seeds', '2'],
      /--seed 9007199254740991: the last of 2/,
    ],
    [
      ['theory', 'run', 'saddle', '--seed', '9007199254740991', '--seeds', '2', '--set', 'm=8'],
      /--seed 9007199254740991: the last of 2/,
    ],
    [
      ['train', 'resnet', '--config', SIMULATION, '--arm', 'direct'],
      /option '--config <file>' cannot be used with option '--arm <pattern>'/,
    ],
    [['train', 'resnet', '--config', SIMULATION, '--scale', 'laptop'], /cannot be used with option '--scale <name>'/],
    [
      ['train', 'resnet', '--config', SIMULATION, '--experiment', 'x'],
      /unknown experiment "x"; expected one of: resnet-/,
    ],
    ...['all', 'C|D', '^D', ' D', ''].map((arm): [string[], RegExp] => [
      ['theory', 'run', 'saddle', '--config', SIMULATION, `--arm=${arm}`, '--print-config'],
      arm === '' ? /--arm <pattern>: nothing was given/ : /--arm .*: the file of --config holds one spec/,
    ]),
    ...['--workers=h:1,h:2', '--local-workers=2'].map((together): [string[], RegExp] => [
      ['train', 'resnet', '--print-config', '--jobs', '2', together],
      /'--(local-)?workers <(n|list)>' cannot be used with option '--jobs <n>'/,
    ]),
    [['theory', 'run', 'saddle', '--config', SIMULATION, '--scale', 'laptop'], /cannot be used with option '--scale/],
    [
      ['train', 'bert', '--config', RESNET],
      /network.family is "resnet", which "gowide train bert" does not train; expected: gowide train resnet --config/,
    ],
    [
      ['train', 'resnet', '--config', RESNET, '--print-config'], // a file that a run refuses
      /invalid training spec: unknown key "datta" \(did you mean "data"\?\); data: missing; expected an object;/,
    ],
    [['theory', 'run', 'all', '--print-config', '--set', 'm=1'], /--set goes with one study, not with "all"/],
    [['theory', 'run', 'all', '--print-config', '--arm', 'skip'], /--arm goes with one study, not with "all"/],
    [['theory', 'run', 'all', '--print-config', '--config', file], /--config goes with one study, not with "all"/],
    [['train', 'resnet', '--print-config', '--task', '3'], /--task: expected with --workers host:port,host:port only/],
    [
      ['train', 'resnet', '--print-config', '--worker-timeout', '5'],
      /--worker-timeout: expected with --workers or --local-workers only/,
    ],
    [
      ['frontier', 'plain-16', '--scale', 'minutes', '--show', TABLES],
      /no finished run of frontier-plain-16 at scale minutes; there are some at --scale laptop/,
    ],
    [
      ['frontier', 'plain-16', '--scale', 'minutes', '--show', TABLES, '--json'],
      /no finished run of frontier-plain-16 at scale minutes/,
    ],
    [['watch', file], /file: it is a file; expected a folder with runs, or where runs will be/],
    [
      ['thin', 'x', '--width', 'abc'],
      /--width.*Expected a factor above 0 and below 1: the thin net is the narrower one/,
    ],
    [['thin', 'x', '--width', '1'], /--width.*Expected a factor above 0 and below 1: the thin net is the narrower one/],
    [['params', 'resnet50', '--width', '0x1'], /--width.*Expected a number above 0, at most 1000/],
    [['params', 'resnet50', '--width', ' 1'], /--width.*Expected a number above 0, at most 1000/],
    [['bench', 'particles', '--widths', '0x40'], /whole numbers of at least 1 and at most 16777216, with commas/],
    [['thin', file, '--samples', '1,0x2'], /whole numbers of at least 1, with commas between/],
    [['thin', file, '--params', '0x5M'], /Expected a number such as 5M, 300k or 1200000/],
    [['thin', file, '--epochs', '0x5'], /Expected a number above 0/],
    [
      ['params', 'resnet50', '--width', '1e-300'],
      /--width 1e-300: leaves fewer than one of 64 channels or heads; expected at least 0.00781/,
    ],
    [['params', 'vit_b_16', '--mid', '1e-4'], /--mid 0.0001: leaves fewer than one of 64 channels or heads/],
    [
      ['predict', '--model', 'resnet18', '--input', TENSORS, '--output', OUTPUT, '--out', tmpdir()],
      /--out goes with the id of a run, for classes; the file that outputs are written to is --output/,
    ],
    [
      ['sweep', 'status', '--queue', '@nofile'],
      /--queue or \$GOWIDE_QUEUE names a file for its address, "@nofile": nofile: no such file/,
    ],
    [
      ['sweep', 'width', '--shard', '1/1000000000'],
      /--shard 1\/1000000000: expected i\/n with at most 10000 parts, for example 2\/8/,
    ],
    [['sweep', 'width', '--slurm', '--tasks', '1000000000'], /--tasks.*whole number of at least 1 and at most 10000/],
    ...['foo', '-', '--x\n#SBATCH --y'].map((option): [string[], RegExp] => [
      ['sweep', 'width', '--slurm', '--script', `--sbatch=${option}`, '--out', newFolder()],
      /--sbatch ".*": expected an option of sbatch, which begins with "-", on one line, as --sbatch=--account=x/,
    ]),
    [['thin', file, '--speed', '1000000x'], /--speed.*Expected a factor above 1 and below 1000000, such as 2x/],
    [['thin', file, '--params', '1e30'], /--params.*such as 5M, 300k or 1200000, from 1 to 9007199254740991/],
    [
      ['train', 'resnet', '--seed', '9007199254740993'],
      /--seed.*Expected a whole number of at least 0 and at most 9007199254740991/,
    ],
    [['thin', file, '--epochs', '1e400'], /--epochs.*Expected a number above 0, at most 1.79\d+e\+308/],
    [['thin', file, '--samples', '1,1e20'], /whole numbers of at least 1 and at most 9007199254740991, with commas/],
    [
      ['theory', 'simulate', '--config', WIDE, '--print-config'],
      /wide.json: invalid config: model.outputs: expected at most 1024, got 100000000; flow: missing/,
    ],
    [['theory', 'exact', 'chain', '--config', WIDE], /wide.json: invalid config of "exact chain": unknown key "model"/],
    [
      ['theory', 'run', 'width', '--config', WIDE, '--print-config'],
      /wide.json: invalid spec of study "width": unknown key "model"/,
    ],
    [
      ['predict', '--model', 'resnet50', '--input', tmpdir()],
      /resnet50: the name of a published network, which has no weights here; expected a file or folder with its weights/,
    ],
    [
      ['train', 'resnet', '--config', ARMS, '--print-config'],
      /arms.json: it holds the specs of 2 arms, wide, direct; expected one spec; print one with --arm NAME --print-config/,
    ],
    [
      ['train', 'resnet', '--config', SIMULATION, '--print-config'],
      /teacher: missing; expected an object or null; .*imitation: missing; expected an object or null;/,
    ],
    [
      ['train', 'resnet', '--config', EPOCHS, '--print-config'],
      /epochs.json: invalid training spec: training.epochs: expected a number above 0, got "1"/,
    ],
    [
      ['train', 'resnet', '--arm', 'direct', '--set', 'training.steps=99999999999999999999', '--print-config'],
      /spec: training.steps: expected at most 1000000000, got 1\d+\n$/,
    ],
    [['thin', file, '--columns', 'text=a,text=b'], /Expected each of text, label, pair once/],
    [['thin', file, '--plan', '--engine', 'x'], /unknown engine "x"; expected one of: auto, /],
    [
      ['theory', 'run', 'saddle', '--out', LOOP],
      /loop: symbolic links on the way to it lead in a circle; expected a path/,
    ],
    [['train', 'resnet', '--config', LOOP], /loop: symbolic links on the way to it lead in a circle/],
    [['train', 'resnet', '--config', 'a'.repeat(300)], /a: a name in it is longer than the file system allows/],
    [['help', 'frob'], /unknown command 'frob'; commands: demo, .*, completion\. See: gowide --help/],
    [['help', 'train', 'extra'], /^error: 'extra': gowide train has no commands below it\. See: gowide train --help$/m],
    [['help', 'runs', 'frob'], /unknown command 'frob'; commands: list, .*, gc\. See: gowide runs --help/],
    [['help', '--frob'], /^error: unknown option '--frob'/],
    [['runs', 'help', 'frob'], /unknown command 'frob'; commands: list, .*, gc\. See: gowide runs --help/],
    [['runs', 'list', '--out', ''], /--out <dir>: nothing was given\. See: gowide runs list --help/],
    [['report', ''], /folders: nothing was given\. See: gowide report --help/],
    [['theory', 'run', 'saddle', '--config', tmpdir()], /: it is a folder; expected a file/],
    [
      ['theory', 'simulate', '--config', SIMULATION, '--particles', tmpdir(), '--out', newFolder()],
      /: it is a folder; expected a file/,
    ],
    [['tune', 'resnet', '--arm', '['], /--arm \[: expected the name of an arm or a regular expression/],
    [['params', 'resnet50', '--width', '1e300'], /--width.*Expected a number above 0, at most 1000/],
    [['train', 'resnet', '--set', 'data.set=digitz'], /unknown data set "digitz"; .*Did you mean "digits"\?/],
    [
      ['theory', 'run', 'saddle', '--out', '/proc/x'],
      /^error: \/proc\/x: no such .*; choose another folder with --out$/m,
    ],
    [
      ['theory', 'run', 'saddle', '--out', NOWHERE],
      /: a symbolic link to a place that is not there; choose another .*--out$/m,
    ],
    [
      ['theory', 'simulate', '--config', NAMELESS, '--out', newFolder()],
      /"particles": expected the name of a safetensors file, or no such key$/m,
    ],
    [['report', file], /file: no runs there, as it is a file; expected a folder with runs/],
    [['report', join(STORE, 'runs')], /runs: no runs there, as it is within the folder \S+, which has them; name that/],
    [['frontier', 'plain-16', '--show', join(STORE, 'runs', 'one')], /it is within the folder \S+, which has them/],
    [['runs', 'list', '--out', join(STORE, 'runs')], /it is within the folder \S+, which has them/],
    [['runs', 'show', 'no run', '--out', AT], /see: gowide runs list --out '\S+a store'$/m],
    [['frontier', 'plain-16', '--plan', '--engine', 'foo'], /'--plan' cannot be used with option '--engine <name>'/],
    [['frontier', 'plain-16', '--plan', '--out', file], /'--plan' cannot be used with option '--out <dir>'/],
    [['report', TABLES, TABLES, '--compare', '--tables', newFolder()], /'--tables <dir>' cannot be used with/],
    [['plan', '--engine', 'tensorflwo'], /unknown engine "tensorflwo"; .*Did you mean "tensorflow"\?/],
    [['bench', 'resnet50', '--engine', 'x'], /unknown engine "x"; expected one of: auto, /],
    [['bench', 'small', '--engine', 'x'], /unknown engine "x"; expected one of: auto, /],
    ...['small', 'resnet50', 'bert-base'].flatMap((bench): [string[], RegExp][] => [
      [['bench', bench, '--case', 'x', '--peer', 'torch'], /'--case <name>' cannot be used with option '--peer </],
      [['bench', bench, '--cases', 'x', '--case', 'y'], /'--case <name>' cannot be used with option '--cases </],
    ]),
    [['bench', 'particles', '--widths', '64,1e15'], /--widths <list>.* at least 1 and at most 16777216, with commas/],
    [
      ['plan', '--scale', 'paper', '--tflops', '60', '--bandwidth', '1', '--workers', '1e6'],
      /^error: --workers 1000000: the largest batch at scale paper has \d+ examples, of which each worker needs one/,
    ],
    [
      ['train', 'bert', '--experiment', 'sst2', '--scale', 'overnight', '--out', newFolder()],
      /sst2: files are not found that you bring: sst2\/train.tsv \(SST-2 of GLUE, .*\), .*minilm \(a Hugging Face folder/,
    ],
    [
      ['train', 'bert', '--experiment', 'sst2-base', '--scale', 'overnight', '--out', newFolder()],
      /bert-base \(a Hugging Face folder of BERT_BASE uncased, with vocab.txt: .*; put them there, or run the command/,
    ],
    [
      ['sweep', 'sst2', '--scale', 'overnight', '--set', 'data.vocabulary=none', '--out', newFolder()],
      /files are not found that you bring: .*\(experiment sst2, arm wide\)/,
    ],
    [['sweep', 'status', '--backend', 'pool'], /the back end "pool" has no "sweep status"; back ends that can: bullmq/],
    [
      ['thin', file, '--data', 'nope.csv', '--out', join(file, 'out')],
      /out: .*file is a file; expected a folder; choose another one with --out/,
    ],
    [['bench', 'small', '--cases', 'train digits'], /unknown case "train digits"; expected one of: train digits thin/],
    [
      [...TOGETHER, '--workers', '10.0.0.1:4000,10.0.0.2:4000', '--task', '0'],
      /^error: GOWIDE_WORKERS_SECRET is not set; expected a secret text/,
    ],
    [[...TOGETHER, '--workers', 'localhost:4000,localhost:4001', '--task', '2'], /^error: --task 2: expected 0 to 1/],
    [['engine', 'install', '--wheels', join(file, 'none')], /--wheels .*: no such folder/],
    [['sweep', 'saddle', '--queue', 'redis://h:99999', '--out', newFolder()], /expected redis:\/\/\[user:password@\]/],
  ])('gowide %j', async (args, expected) => {
    const { status, stdout, stderr } = await gowideHere(args);
    expect(stderr).toMatch(expected);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect([status, stdout]).toEqual([2, '']);
  });

  test('--debug adds the stack', async () => {
    expect((await gowideHere(['theory', 'run', 'x', '--debug'])).stderr).toMatch(/\n\s+at /);
  });
});
