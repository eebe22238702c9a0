// Where things are, and what this machine lacks.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
export const programs = join(target, 'debug');
export const out = join(target, 'browser');
export const dist = join(out, 'page');
export const pictures = join(out, 'screenshots');
export const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

mkdirSync(pictures, { recursive: true });

/** What is missing, of what a test needs; empty: nothing. */
export function missing(...needs) {
  const found = {
    chromium: () => existsSync(chromium),
    page: () => existsSync(join(dist, 'index.html')),
    programs: () =>
      ['source-server', 'encoder-ingest', 'encoder-node', 'encoder-ui'].every((name) =>
        existsSync(join(programs, name)),
      ),
    ffmpeg: () => spawnSync('ffmpeg', ['-version']).status === 0,
  };
  return needs.filter((need) => !found[need]());
}

/** The options of a test that needs something: it is skipped by name, and with CI=true it fails. */
export function needing(...needs) {
  const lacking = missing(...needs);
  if (lacking.length === 0 || process.env.CI === 'true') return {};
  return {
    skip: `NOT RUN: missing: ${lacking.join(', ')} (scripts/setup installs it, make test builds it)`,
  };
}

/** Builds the page for the tests with made-up ingests; the real ones test what is embedded. */
export function buildPage() {
  execFileSync(
    'npm',
    ['run', '--silent', 'build', '--', '--emptyOutDir', '--outDir', dist, '--logLevel', 'warn'],
    {
      cwd: join(root, 'encoder-ui/web'),
      stdio: 'inherit',
    },
  );
}
