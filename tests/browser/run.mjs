// Runs the tests in the browser: `npm test`, or `npm test -- stack` for one file by its name.
// MEMORY_SECONDS=300 watches the memory for five minutes.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildPage, chromium, missing } from './lib/places.mjs';

const folder = fileURLToPath(new URL('.', import.meta.url));
if (!existsSync(`${folder}node_modules/playwright-core`)) {
  console.error(
    'browser tests (page, size, stack): NOT RUN: npm ci in tests/browser has not been done (scripts/setup does it)',
  );
  process.exit(process.env.CI === 'true' ? 1 : 0);
}
if (missing('chromium').length > 0)
  console.error(`browser tests: ${chromium} is missing: all that need it are skipped`);
buildPage();
const asked = process.argv.slice(2);
const wanted = asked.length > 0 ? asked : ['page', 'size', 'stack'];
const files = readdirSync(folder).filter(
  (name) => name.endsWith('.test.mjs') && wanted.some((one) => name.startsWith(one)),
);
// One after another: they measure time, and two cores are soon busy.
const { status } = spawnSync(
  process.execPath,
  ['--test', '--test-concurrency=1', '--test-reporter=spec', ...files],
  { cwd: folder, stdio: 'inherit' },
);
process.exit(status ?? 1);
