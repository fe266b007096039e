/** A picture as vega writes it, without what says nothing: a third of the bytes and half of the elements. */

/** Attributes that have no effect on a picture with one label of its own. */
const IDLE =
  / (?:aria-hidden|aria-roledescription|pointer-events|xmlns:xlink|version|class|role|stroke-miterlimit)="[^"]*"| (?:opacity|fill-opacity|stroke-opacity|stroke-width)="1"| (?:x|y|x2|y2)="0"| font-style="normal"| font-weight="normal"| stroke-dasharray="1,0"/g;
/** Elements that draw nothing: backgrounds without a color, axes' lines of no length, labels that were dropped. */
const EMPTY =
  /<path[^>]*(?:display="none"|d="M0,0h[\d.]+v[\d.]+h-?[\d.]+Z" ?)\/>|<path(?=[^>]* class="background")(?![^>]* (?:fill|stroke)="(?!none))[^>]*\/>|<text[^>]*\/>|<text[^>]* opacity="0"[^>]*>[^<]*<\/text>/g;
/** A circle around its place, as a path. */
const CIRCLE = / d="M([\d.]+),0A\1,\1,0,1,1,-\1,0A\1,\1,0,1,1,\1,0"/;

/** Numbers with one digit after the point, which is finer than a pixel. */
function rounded(svg: string): string {
  return svg.replace(/ (d|transform|x|y|x1|x2|y1|y2|width|height)="([^"]*)"/g, (_, name: string, value: string) => {
    const short = value.replace(/-?\d+\.\d+(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(1)) + 0));
    return ` ${name}="${short}"`;
  });
}

/** Groups without attributes hold nothing together, and those without elements hold nothing. */
function flattened(svg: string): string {
  const kept: boolean[] = [];
  return svg.replace(/<g(?: [^>]*)?\/>/g, '').replace(/<g( [^>]*)?>|<\/g>/g, (tag, attributes: string | undefined) => {
    if (tag === '</g>') return kept.pop() ? tag : '';
    const keep = attributes !== undefined && !/^ transform="translate\(0,0\)"$/.test(attributes);
    kept.push(keep);
    return keep ? tag : '';
  });
}

/** Attributes that elements take from their group. */
const INHERITED = /^(?:fill|stroke|stroke-width|stroke-dasharray|font-size|font-weight|text-anchor)=/;

const attributesOf = (tag: string): string[] => tag.match(/[\w-]+="[^"]*"/g) ?? [];

/** What neighbors of one kind have in common is said once, by a group around them. */
function grouped(svg: string): string {
  return svg.replace(
    /(<(line|text|path|circle) [^>]*(?:\/>|>[^<]*<\/\2>))(?:<\2 [^>]*(?:\/>|>[^<]*<\/\2>)){2,}/g,
    (run, _, kind: string) => {
      const tags = run.match(new RegExp(`<${kind} [^>]*>`, 'g'))!;
      const common = attributesOf(tags[0]!).filter(
        (one) => INHERITED.test(one) && tags.every((tag) => tag.includes(` ${one}`)),
      );
      if (common.length === 0) return run;
      return `<g ${common.join(' ')}>${common.reduce((text, one) => text.replaceAll(` ${one}`, ''), run)}</g>`;
    },
  );
}

/** An upright or level line, with what it looks like; one that is neither has two ends. */
const LINE = /<line transform="translate\(([-\d.]+),([-\d.]+)\)" ([xy])2="([-\d.]+)"((?:(?! [xy]2=)[^>])*)\/>/g;

/** Lines that look alike and stand beside each other (ticks, grid lines, intervals of one series) as one path. */
function joined(svg: string): string {
  return svg.replace(new RegExp(`(?:${LINE.source}){2,}`, 'g'), (run) => {
    const paths: { readonly look: string; moves: string }[] = [];
    for (const [, x, y, axis, by, look] of run.matchAll(LINE)) {
      if (paths.at(-1)?.look !== look) paths.push({ look: look!, moves: '' });
      paths.at(-1)!.moves += `M${x},${y}${axis === 'x' ? 'h' : 'v'}${by}`;
    }
    return paths.map(({ look, moves }) => `<path d="${moves}"${look}/>`).join('');
  });
}

/** A dot without an outline that nothing is seen through, with its radius and color. */
const DOT =
  /<circle r="([\d.]+)" transform="translate\(([-\d.]+),([-\d.]+)\)" fill="([^"]*)"(?: stroke-width="[^"]*")?\/>/g;

/** Dots that look alike and stand beside each other as one path: lines of no length with round ends. */
function dotted(svg: string): string {
  return svg.replace(new RegExp(`(?:${DOT.source}){2,}`, 'g'), (run) => {
    const paths: { readonly look: string; moves: string }[] = [];
    for (const [, radius, x, y, color] of run.matchAll(DOT)) {
      const look = `stroke="${color}" stroke-width="${2 * Number(radius)}" stroke-linecap="round"`;
      if (paths.at(-1)?.look !== look) paths.push({ look, moves: '' });
      paths.at(-1)!.moves += `M${x},${y}h0`;
    }
    return paths.map(({ look, moves }) => `<path d="${moves}" ${look}/>`).join('');
  });
}

/** A text of one line or a circle that is moved and nothing else, and has no coordinates of its own. */
const MOVED =
  /<(text|circle)(?![^>]* (?:c?[xy])=)([^>]*?) transform="translate\(([-\d.]+),([-\d.]+)\)"(?![^>]*><tspan)/g;

/** Texts and circles are placed by coordinates of their own instead of a transform. */
function placed(svg: string): string {
  return svg.replace(MOVED, (_, kind: string, before: string, x: string, y: string) => {
    const prefix = kind === 'circle' ? 'c' : '';
    return `<${kind}${before}${x === '0' ? '' : ` ${prefix}x="${x}"`}${y === '0' ? '' : ` ${prefix}y="${y}"`}`;
  });
}

/** A picture of vega’s in fewer bytes, in the font of what it stands in. */
export function compactSvg(svg: string): string {
  const bare = svg
    .replace(EMPTY, '')
    .replace(IDLE, '')
    .replaceAll(/ font-family="[^"]*"/g, '');
  const circles = bare.replace(/<path([^>]*)\/>/g, (tag, attributes: string) => {
    const radius = CIRCLE.exec(attributes)?.[1];
    return radius === undefined ? tag : `<circle r="${radius}"${attributes.replace(CIRCLE, '')}/>`;
  });
  const flat = flattened(rounded(circles)).replace(/<g[^>]*><\/g>/g, '');
  const looks = grouped(dotted(flat)).replaceAll(' transform="translate(0,0)"', '');
  return placed(joined(looks));
}
