/** What the page does beyond being read. */
import { startFigures } from './figures.js';
import { startLaboratory } from './laboratory.js';
import { followRuns } from './live.js';
import { startReading } from './reading.js';

const live = document.currentScript?.hasAttribute('data-live') ?? false;
startReading();
startFigures();
startLaboratory();
if (live) followRuns();
