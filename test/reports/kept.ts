/** The kept tables, read and judged once for all files of tests that share a process. */
import { resolve } from 'node:path';
import { readRecords } from '../../reports/data/records.js';
import { buildReport } from '../../reports/page/report.js';

/** The folder of the kept tables. */
export const KEPT = resolve(import.meta.dirname, '../../reports/results');

export const KEPT_RECORDS = readRecords([KEPT]);
export const KEPT_REPORT = buildReport(KEPT_RECORDS);
