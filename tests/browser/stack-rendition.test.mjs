// A channel that no browser can play, and a processing node that makes what browsers can: the real programs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { assertAccessible, assertPlays, close, launch, open, picture } from './lib/browser.mjs';
import { needing } from './lib/places.mjs';
import { Stack } from './lib/stack.mjs';
import { test } from './lib/test.mjs';

/** A group of this file alone; other tests on `lo` have theirs. */
const INPUT = 'udp://239.255.62.1:5000';

/** Television as it was: 4:3, MPEG-2, and MPEG-1 layer II. */
const FILM = [
  ...['-f', 'lavfi', '-i', 'testsrc2=size=720x576:rate=25,setsar=16/15'],
  ...['-f', 'lavfi', '-i', 'sine=frequency=1000:sample_rate=48000', '-t', '10'],
  ...['-c:v', 'mpeg2video', '-pix_fmt', 'yuv420p', '-g', '12'],
  ...['-b:v', '1500k', '-maxrate', '1700k', '-bufsize', '1M', '-c:a', 'mp2'],
  ...['-f', 'mpegts', '-muxrate', '2200k', '-pcr_period', '20', '-pat_period', '0.1'],
];

describe('a channel in MPEG-2', needing('chromium', 'programs', 'ffmpeg'), () => {
  const stack = new Stack();
  let browser;
  let ingest;
  let ui;

  before(async () => {
    const film = join(stack.folder, 'film.ts');
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', ...FILM, film]);
    const streams = join(stack.folder, 'streams.yaml');
    writeFileSync(streams, `streams:\n  - id: film\n    url: ${INPUT}\n    file: ${film}\n`);
    const channels = join(stack.folder, 'channels.yaml');
    writeFileSync(
      channels,
      `channels:\n  - id: film\n    name: Old Film\n    inputs:\n      - url: ${INPUT}\n    renditions: [preview]\n`,
    );
    const named = ['--node-name', 'near', '--channels', channels, '--probe-interfaces', 'none'];
    await stack.start('source-server', ['--interface', 'lo', '--streams', streams], 'source-film');
    ingest = await stack.start('encoder-ingest', ['--interface', 'lo', ...named], 'ingest-film');
    ui = await stack.start('encoder-ui', ['--ingest', ingest.url], 'ui-film');
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await stack.stop();
  });

  test('the page names the codec, and plays the rendition as soon as a node makes it', async () => {
    const page = await open(browser, `${ui.url}/channels/near/film`);
    const preview = page.getByRole('region', { name: 'Preview' });
    await preview.getByText("This browser can't play MPEG-2 video.").waitFor({ timeout: 15_000 });
    await preview.getByText('The rendition "preview" has no data yet.').waitFor();
    assert.equal(await page.locator('video').evaluate((video) => video.readyState), 0, 'nothing plays yet');

    await stack.start('encoder-node', ['--ingest', ingest.url, '--name', 'maker'], 'node-film');
    const { later } = await assertPlays(page);
    assert.deepEqual([later.wide, later.high], [640, 360], 'the size of the profile');
    await preview.getByText('This is the rendition film.preview.').waitFor();
    assert.equal(await preview.getByText("can't play").count(), 0);
    await picture(page, 'real-rendition', { fullPage: true });
    await assertAccessible(page, 'a rendition that plays');
    await close(page);
  });
});
