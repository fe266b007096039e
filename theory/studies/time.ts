/** D(T): how the discrepancy moves with the time of training, and of imitation. */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import { rms } from '../../src/core/stats.js';
import { discrepancy, outputSize } from '../network/discrepancy.js';
import { trainDirect, unexploded } from '../flow/direct.js';
import { imitate } from '../flow/imitation.js';
import { activations, output } from '../network/network.js';
import { thinNet, type Net } from '../model/particles.js';
import { movedSeconds, startWide, stepsOf } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, increasing, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

const TimeSpec = ParticleSettings.extend({
  study: z.literal('time'),
  regime: z.string(),
  depth: layerCount(),
  m: width(),
  /** Increasing times at which D is taken; the wide net is trained to the last one. */
  times: listOf(z.number().min(0), 2),
})
  .refine(...THIN_BELOW_WIDE)
  .refine(...increasing('times'))
  .superRefine(inWholeSteps('time', 'imitationTime', 'times'));
type TimeSpec = z.infer<typeof TimeSpec>;

/** Imitation lowers D between its start and its last time. */
export const TIME_FALL: Band = {
  statistic: 'log of D at the last time over D at the start',
  from: -Infinity,
  to: 0,
};

/**
 * Direct training raises D after its dip. The later half is fixed by the list of times: a minimum that is chosen by the
 * values lies below every later one by its own noise.
 */
export const TIME_GROWTH: Band = {
  statistic: 'slope of log D against time over the later half of the times',
  from: 0,
  to: Infinity,
};

/** D(T): how the discrepancy moves with the time of training, and of imitation. */
export const timeStudy: Study<TimeSpec> = {
  name: 'time',
  law: 'D(T): exponential in T at most for direct training by the bound; under imitation it falls',
  rule: `imitation: ${bandRule(TIME_FALL)}; direct: ${bandRule(TIME_GROWTH)}, on held-out and on training points`,
  schema: TimeSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => {
    const { wide, m, draws, times, depth } = spec;
    const particles = wide + 2 * m * draws;
    const moved = { trained: particles * times.at(-1)!, measured: particles * (times.length + 1) };
    return movedSeconds(spec, depth, moved, kernel) + 0.01;
  },
  run: async (spec, seed, tick) => {
    const { m, dt, draws, depth, times, regime } = spec;
    const { task, initial: wide } = startWide(spec, depth, seed);
    const thin = Array.from({ length: draws }, (_, draw) => thinNet(wide, m, seed, draw));
    const { x } = task.heldOut;
    const direct: Readonly<
      Record<'direct' | 'directTrain' | 'wideSize' | 'lossIncreases' | 'wideLossIncreases', number>
    >[] = [];
    const segments = times.map((time, i) => stepsOf(time - (times[i - 1] ?? 0), dt));
    for (const [i, steps] of segments.entries()) {
      await tick(i, 2 * times.length);
      const train = (net: Net): number =>
        unexploded(`direct training to T = ${times[i]}`, trainDirect(net, task.train, { steps, dt }), dt).increases;
      const wideLossIncreases = train(wide);
      const lossIncreases = thin.reduce((sum, net) => sum + train(net), 0);
      const [target, onTrain] = [output(wide, x), output(wide, task.train.x)];
      direct.push({
        direct: rms(thin.map((net) => discrepancy(net, wide, x, target))),
        directTrain: rms(thin.map((net) => discrepancy(net, wide, task.train.x, onTrain))),
        wideSize: outputSize(wide, x, target),
        lossIncreases,
        wideLossIncreases,
      });
    }
    const samples = Array.from({ length: draws }, (_, draw) => thinNet(wide, m, seed, draw));
    const [targets, target] = [activations(wide, task.train.x), output(wide, x)];
    const rows = [];
    for (const [i, steps] of segments.entries()) {
      await tick(times.length + i, 2 * times.length);
      let imitationIncreases = 0;
      for (const net of samples)
        for (const result of imitate(net, wide, task.train.x, { steps, dt, targets }))
          imitationIncreases += unexploded(`imitation to T = ${times[i]}`, result, dt).increases;
      const { wideSize, ...measured } = direct[i]!;
      rows.push({
        regime,
        time: times[i]!,
        ...measured,
        imitation: rms(samples.map((net) => discrepancy(net, wide, x, target))),
        imitationTrain: rms(samples.map((net) => discrepancy(net, wide, task.train.x, targets.at(-1)))),
        imitationIncreases,
        wideSize,
      });
    }
    return rows;
  },
};
