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

test('dots that look alike are one path, those that are seen through stay apart', () => {
  const dot = (x: number, look: string): string => `<circle r="1.5" transform="translate(${x},2)" ${look}/>`;
  const looks = 'fill="#f00" opacity="0.5"';
  const through = dot(6, looks) + dot(7, looks);
  const stays = `<circle r="1.5" cx="6" cy="2" ${looks}/><circle r="1.5" cx="7" cy="2" ${looks}/>`;
  const found = compactSvg(
    picture(dot(1, 'fill="#f00" stroke-width="2"') + dot(4, 'fill="#f00"') + dot(5, 'fill="#00f"') + through),
  );
  const path = (moves: string, color: string): string =>
    `<path d="${moves}" stroke="${color}" stroke-width="3" stroke-linecap="round"/>`;
  expect(found).toBe(picture(path('M1,2h0M4,2h0', '#f00') + path('M5,2h0', '#00f') + stays));
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

test('texts and circles that are moved and nothing else are placed by coordinates of their own', () => {
  const turned = '<text text-anchor="middle" transform="translate(1,2) rotate(-90)">y</text>';
  const own =
    '<text x="3" transform="translate(1,2)">own</text><text transform="translate(1,2)"><tspan>two</tspan></text>';
  const moved = '<text transform="translate(1.26,0)" fill="#222">10</text><circle transform="translate(-3,4)" r="2"/>';
  expect(compactSvg(picture(turned + own + moved))).toBe(
    picture(`${turned}${own}<text x="1.3" fill="#222">10</text><circle cx="-3" cy="4" r="2"/>`),
  );
});
