// How much JavaScript a browser has to fetch.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { dist, needing } from './lib/places.mjs';

const LIMIT_BYTES = 150 * 1024;

test('JavaScript without the player is 150 KB at most, compressed', needing('page'), () => {
  const folder = join(dist, 'assets');
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  const player = files.filter((name) => readFileSync(join(folder, name), 'utf8').includes('mpegts.js'));
  const size = (names, squeeze) =>
    names.reduce((sum, name) => sum + squeeze(readFileSync(join(folder, name))).length, 0);
  const own = files.filter((name) => !isPlayer(folder, name));
  const [gzip, brotli] = [size(own, gzipSync), size(own, brotliCompressSync)];
  console.log(
    `JavaScript: ${own.length} files, ${(gzip / 1024).toFixed(1)} KB by gzip, ${(brotli / 1024).toFixed(1)} KB by brotli; player ${(
      size(
        files.filter((name) => isPlayer(folder, name)),
        gzipSync,
      ) / 1024
    ).toFixed(1)} KB by gzip`,
  );
  assert.ok(player.length > 0, 'the player is a file of its own');
  assert.ok(gzip <= LIMIT_BYTES, `${gzip} bytes`);
});

/** The file that holds mpegts.js, known by its size and what it demuxes. */
function isPlayer(folder, name) {
  const text = readFileSync(join(folder, name), 'utf8');
  return text.length > 150_000 && text.includes('MSEPlayer');
}
