/** Claims about how what imitation gains goes with depth, where the wide net and the thin ones are trained for long. */
import type { Frontier } from '../../experiments/frontier.js';
import { groupBy } from '../../src/core/group.js';
import { fitLine, tInterval } from '../../src/core/stats.js';
import { bestValidated, gainRows, longGains, PLAIN_FRONTIERS } from '../data/depth-gains.js';
import type { TableRow } from '../data/rows.js';
import { untrained } from './arms.js';
import type { Claim } from './claim.js';
import { byInterval } from './rules.js';
import { formatNumber, listOf, positive } from './verdict.js';

/** What ten classes give a net that learnt nothing, in percent. */
const DIGITS_CHANCE = 10;

/** The depths, as a sentence has them. */
const DEPTHS = listOf([...PLAIN_FRONTIERS.keys()]);

/** The slopes of the gain against log2 of the depth, one for each seed that has every depth. */
function slopes(results: readonly TableRow[], budget: number): number[] {
  return [...groupBy(longGains(results, budget), ({ seed }) => seed).values()]
    .filter((group) => group.length === PLAIN_FRONTIERS.size)
    .map(
      (group) =>
        fitLine(
          group.map(({ depth }) => Math.log2(depth)),
          group.map(({ gain }) => gain),
        ).slope,
    );
}

/** Why the rival of one depth decides nothing, as a clause; undefined where it trained. */
function untrainedAt(
  frontier: Frontier,
  results: readonly TableRow[],
  [before, budget]: readonly [number, number],
): string | undefined {
  const rows = gainRows(results, frontier, budget);
  const rival = bestValidated(rows)!;
  return untrained(
    [...rows, ...gainRows(results, frontier, before)],
    {
      experiment: { ...frontier.experiment, chance: DIGITS_CHANCE },
      arms: [frontier.arm('three-stage', budget), frontier.arm(rival, budget)],
      smaller: frontier.arm(rival, before),
    },
    frontier.experiment.metric!,
  );
}

/** What three stages add grows with depth, with one budget; `before` is the budget that its rivals have to beat. */
function growth(id: string, [before, budget]: readonly [number, number], when: string): Claim {
  const last = [...PLAIN_FRONTIERS.values()].at(-1)!;
  return {
    id,
    statement: `In plain nets that learn from a wide net of 9,600 steps, what three stages add grows with depth after ${when}.`,
    source: 'theory (theory/README.md) and this project’s bridge to it',
    question: `What imitation adds grows with depth, the wide net trained for long, after ${when}`,
    setting: 'tanh-no-skip',
    figure: 'depth-long',
    rule:
      `Three stages less the best of direct training, KD and selected channels + KL at each of ${DEPTHS} layers, by ` +
      'validation accuracy: slope of the difference in test accuracy (points) against log2 of the depth, one for each ' +
      'seed, 95 % t-interval: supported above 0, not supported below 0, else inconclusive. At each depth the rival ' +
      'has to have trained: its median has to be better than that of its shorter version, a quarter of the steps, ' +
      'and it has to be certainly better than chance; else nothing is decided.',
    experiment: last.experiment,
    arms: [last.arm('three-stage', budget)],
    rows: ({ results }) => {
      if (slopes(results, budget).length === 0) return [];
      return [...PLAIN_FRONTIERS.values()].flatMap((frontier) =>
        [budget, before].flatMap((one) => gainRows(results, frontier, one)),
      );
    },
    judge: (rows) => {
      const judgement = byInterval(() => tInterval(slopes(rows, budget)), positive, 2)(rows);
      const gains = groupBy(longGains(rows, budget), ({ depth }) => depth);
      const means = [...gains].map(([depth, group]) => {
        const ofDepth = gainRows(rows, PLAIN_FRONTIERS.get(Number(depth))!, budget);
        const rival = bestValidated(ofDepth)!;
        const { label } = ofDepth.find(({ facts }) => facts.factors!.training === rival)!.facts;
        const { mean } = tInterval(group.map(({ gain }) => gain));
        return `${formatNumber(mean, 1)} points over ${label} at ${depth} layers`;
      });
      const evidence = `${judgement.evidence}; ${means.join(', ')}`;
      const why = [...PLAIN_FRONTIERS].flatMap(([layers, frontier]) => {
        const reason = untrainedAt(frontier, rows, [before, budget]);
        return reason === undefined ? [] : [`at ${layers} layers ${reason}`];
      });
      return why.length === 0
        ? { ...judgement, evidence }
        : {
            outcome: 'inconclusive',
            evidence: `cannot be decided, as ${why.join('; ')}; ${evidence}`,
            seeds: judgement.seeds!,
          };
    },
  };
}

/** Whether the gain grows with depth after the steps of `depth-skip`, and after the most steps that every depth has. */
export const DEPTH_LONG_CLAIMS: readonly Claim[] = [
  growth('depth-long-teacher', [1, 4], '300 steps'),
  growth('depth-long-training', [16, 64], '4,800 steps'),
];
