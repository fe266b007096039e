import { expect, test } from 'vitest';
import { inCell } from '../../cli/commands/predict.js';
import { columnsOption } from '../../cli/terminal/columns.js';

test('a text with tabs and control characters is one cell of a line, and steers no terminal', () => {
  expect(inCell('a\tb \u001b[31mred\u0085 é\\')).toBe('a\\tb \\u001b[31mred\\u0085 é\\');
});

test('a column may have a "=" in its name', () => {
  expect(columnsOption(['text'], 'pair').parseArg!('text=a=b,pair==c', undefined)).toEqual({ text: 'a=b', pair: '=c' });
});

test.each([
  ['label', 'Expected text=NAME,label=NAME, with pair=NAME for a second text.'],
  ['text=', 'Expected text=NAME,label=NAME, with pair=NAME for a second text.'],
  ['text=a,title=b', 'Expected text=NAME,label=NAME, with pair=NAME for a second text.'],
  ['text=a,text=b', 'Expected each of text, label, pair once.'],
])('--columns %s is refused', (text, message) => {
  expect(() => columnsOption(['text', 'label'], 'pair').parseArg!(text, undefined)).toThrow(message);
});
