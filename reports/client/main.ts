/** What the page does beyond being read. */
import { startFigures } from './figures.js';
import { startLaboratory } from './laboratory.js';
import { followRuns } from './live.js';

const live = document.currentScript?.hasAttribute('data-live') ?? false;
startFigures();
startLaboratory();
if (live) followRuns();
