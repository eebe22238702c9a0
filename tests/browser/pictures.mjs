// Makes the pictures of the README: `npm run pictures`. They take a while, so that lines have a past.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, open, until } from './lib/browser.mjs';
import { buildPage, dist, out, root } from './lib/places.mjs';
import { testPictures } from './mock/pictures.mjs';
import { Mock } from './mock/server.mjs';

const PAST_MS = 64_000;
const folder = join(root, 'docs/pictures');
mkdirSync(folder, { recursive: true });

buildPage();
const mock = new Mock(dist);
mock.pictures = testPictures();
mock.withPreviews();
const url = await mock.start();
const browser = await launch();

// As high as what is to be seen, so that nothing is cut in its middle.
const wanted = [
  ['wall', '/', { motion: true }, 1040],
  ['phone', '/', { size: 'phone', locale: 'zh-CN', scheme: 'light', motion: true }, 844],
  ['channel', '/channels/ingest-a/ch013', { motion: true }, 950],
];
const pages = await Promise.all(
  wanted.map(async ([, path, options, height]) => {
    const page = await open(browser, url + path, options);
    await page.setViewportSize({ ...page.viewportSize(), height });
    return page;
  }),
);
await until('a past', () => pages[0].evaluate((ms) => performance.now() > ms, PAST_MS), PAST_MS + 20_000);
for (const [index, [name]] of wanted.entries()) {
  const file = join(out, `${name}.png`);
  await pages[index].screenshot({ path: file });
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-i', file, '-q:v', '3', join(folder, `${name}.jpg`)]);
}
await browser.close();
await mock.stop();
