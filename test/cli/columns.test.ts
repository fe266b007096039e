import { expect, test } from 'vitest';
import { columnsOption } from '../../cli/terminal/columns.js';

test('a column may have a "=" in its name', () => {
  expect(columnsOption(['text', 'pair']).parseArg!('text=a=b,pair==c', undefined)).toEqual({ text: 'a=b', pair: '=c' });
});
