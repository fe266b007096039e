/** Pictures are made smaller and stay the same pictures. */
import { expect, test } from 'vitest';
import { compactSvg } from '../../reports/page/svg.js';

const picture = (inside: string): string => `<svg xmlns="http://www.w3.org/2000/svg">${inside}</svg>`;

test('upright and level lines that look alike are one path, others stay apart', () => {
  const line = (x: number, end: string, look: string): string => `<line transform="translate(${x},2)" ${end} ${look}/>`;
  const [red, blue] = ['stroke="#f00" opacity="0.4"', 'stroke="#00f" opacity="0.4"'];
  const found = compactSvg(
    picture(line(1, 'y2="-3.5"', red) + line(4, 'x2="5"', red) + line(6, 'y2="7"', blue) + line(8, 'y2="9"', blue)),
  );
  expect(found).toBe(
    picture(
      `<path d="M1,2v-3.5M4,2h5" stroke="#f00" opacity="0.4"/><path d="M6,2v7M8,2v9" stroke="#00f" opacity="0.4"/>`,
    ),
  );
});

test('a line that is neither upright nor level keeps both ends', () => {
  const slanted = '<line transform="translate(1,2)" x2="3" y2="4" opacity="0.5"/>';
  expect(compactSvg(picture(slanted + slanted))).toBe(picture(slanted + slanted));
});

test('groups without elements go, and others are closed', () => {
  const full = '<g transform="translate(1,2)"><circle r="3"/></g>';
  const empty = '<g fill="none"/><g/><g class="mark"><g fill="none"></g></g>';
  expect(compactSvg(picture(`<g fill="none">${empty}${full}</g>`))).toBe(picture(`<g fill="none">${full}</g>`));
});
