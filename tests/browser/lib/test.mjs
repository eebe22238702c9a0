// A test that ends, whatever a page does.

import { test as run } from 'node:test';

const TIMEOUT_MS = 60_000 + 1000 * Number(process.env.MEMORY_SECONDS ?? 0);

export function test(name, body) {
  run(name, { timeout: TIMEOUT_MS }, body);
}
