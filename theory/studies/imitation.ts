/** D against the time of imitation, beside direct training and imitation in closed form. */
import { z } from 'zod';
import { listOf, layerCount, width } from '../../src/core/magnitudes.js';
import { rms } from '../../src/core/stats.js';
import { discrepancy } from '../network/discrepancy.js';
import { trainDirect, unexploded } from '../flow/direct.js';
import { imitate } from '../flow/imitation.js';
import { imitateByRidge } from '../flow/ridge.js';
import { thinNet, type Net } from '../model/particles.js';
import { movedSeconds, stepsOf, trainWide, WIDE_PASSES } from './pair.js';
import { bandRule, type Band } from './rule.js';
import { cautionsOf, increasing, inWholeSteps, ParticleSettings, type Study, THIN_BELOW_WIDE } from './study.js';

const ImitationSpec = ParticleSettings.omit({ imitationTime: true })
  .extend({
    study: z.literal('imitation'),
    regime: z.string(),
    depth: layerCount(),
    m: width(),
    /** Increasing times of imitation; direct training is over `time`, whatever they are. */
    times: listOf(z.number().min(0), 2),
    /** The penalty of the closed form, relative to the features' mean square. */
    ridge: z.number().positive(),
  })
  .refine(...THIN_BELOW_WIDE)
  .refine(...increasing('times'))
  .superRefine(inWholeSteps('time', 'times'));
type ImitationSpec = z.infer<typeof ImitationSpec>;

/** D is smaller after imitation, however long, than after direct training of a fixed time. */
export const IMITATION_RATIO: Band = {
  statistic: 'log of D after imitation over D after direct training',
  from: -Infinity,
  to: 0,
};

/** D against the time of imitation. */
export const imitationStudy: Study<ImitationSpec> = {
  name: 'imitation',
  law: 'D falls with the time of imitation; whether it lies below direct training’s turns with that time',
  rule: `${bandRule(IMITATION_RATIO)}, at every time of imitation, and in closed form`,
  schema: ImitationSpec,
  cautions: cautionsOf,
  cost: (spec, kernel) => {
    const { wide, m, draws, time, times, depth } = spec;
    const trained = wide * time + m * draws * (time + times.at(-1)!);
    const measured = WIDE_PASSES * wide + m * draws * (2 + times.length);
    return movedSeconds(spec, depth, { trained, measured }, kernel) + 0.03;
  },
  run: async (spec, seed, tick) => {
    const { m, dt, draws, depth, times, regime, ridge } = spec;
    const total = times.length + 1;
    await tick(0, total);
    const wide = trainWide(spec, depth, seed);
    const { task, initial, trained, onTrain, onHeldOut } = wide;
    const thin = (of: Net): Net[] => Array.from({ length: draws }, (_, draw) => thinNet(of, m, seed, draw));
    const distance = (nets: readonly Net[]): number =>
      rms(nets.map((net) => discrepancy(net, trained, task.heldOut.x, onHeldOut.at(-1))));
    const [directNets, closed, samples] = [thin(initial), thin(trained), thin(trained)];
    let lossIncreases = 0;
    for (const net of directNets) {
      const result = trainDirect(net, task.train, { steps: stepsOf(spec.time, dt), dt });
      lossIncreases += unexploded('direct training', result, dt).increases;
    }
    for (const net of closed) imitateByRidge(net, trained, task.train.x, { ridge, targets: onTrain });
    const fixed = { direct: distance(directNets), ridge: distance(closed), lossIncreases };
    const rows = [];
    for (const [i, time] of times.entries()) {
      await tick(i + 1, total);
      const steps = stepsOf(time - (times[i - 1] ?? 0), dt);
      for (const net of samples)
        for (const result of imitate(net, trained, task.train.x, { steps, dt, targets: onTrain }))
          unexploded(`imitation for ${time}`, result, dt);
      rows.push({ regime, time, imitation: distance(samples), ...fixed, wideLossIncreases: wide.lossIncreases });
    }
    return rows;
  },
};
