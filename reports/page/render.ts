/** Vega-lite spec to SVG, without a browser. */
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { measureByTable } from '../client/metrics.js';
import { withSafeNames } from '../client/spec.js';
import type { FigureSpec } from '../figures/figure.js';

measureByTable((vega as unknown as { textMetrics: unknown }).textMetrics);

/**
 * Throws Error when the spec is not valid or vega warns about it: a figure with a missing field must not be published.
 */
export async function renderSvg(spec: FigureSpec): Promise<string> {
  const warnings: string[] = [];
  const logger = {
    level: () => logger,
    error: (...args: unknown[]) => (warnings.push(args.join(' ')), logger),
    warn: (...args: unknown[]) => (warnings.push(args.join(' ')), logger),
    info: () => logger,
    debug: () => logger,
  };
  const { spec: compiled } = compile(withSafeNames(spec) as unknown as TopLevelSpec, { logger: logger as never });
  const view = new vega.View(vega.parse(compiled), { renderer: 'none', logger: logger as never });
  const svg = await view.toSVG();
  view.finalize();
  if (warnings.length > 0) throw new Error(`figure: ${warnings[0]}`);
  return svg;
}
