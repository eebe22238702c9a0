// A browser outside the cluster: logs in, opens a channel's page, and tells when the picture moves.
//
//   node picture.mjs PAGE INGEST CHANNEL SECONDS     prints {"wide":1280,"high":720,"mean":90}
//
// What does not answer yet is tried again until SECONDS have passed.

import { createRequire } from 'node:module';

const here = createRequire(new URL('../browser/package.json', import.meta.url));
const { chromium } = here('playwright-core');
const [base, ingest, channel, seconds] = process.argv.slice(2);
const end = Date.now() + Number(seconds) * 1000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'],
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(5000);
  let told;
  let seen;
  while (!seen && Date.now() < end) {
    try {
      await enter(page);
      seen = await picture(page);
    } catch (error) {
      told = error;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  if (!seen) throw told ?? new Error('no picture');
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}

async function enter(page) {
  // Who is logged in already is sent on and finds no form.
  await page.context().clearCookies();
  await page.goto(`${base}/login`);
  await page.locator('input[name=name]').fill('admin');
  await page.locator('input[name=password]').fill('encoder-dev');
  await page.locator('button[type=submit]').click();
  await page.waitForURL((url) => url.pathname !== '/login');
  await page.goto(`${base}/channels/${ingest}/${channel}`);
}

/** The frame's size and mean light, once it is not black and time has gone on by a second. */
async function picture(page) {
  await page.locator('video').first().waitFor({ state: 'attached' });
  const look = () =>
    page.evaluate(() => {
      const video = document.querySelector('video');
      const canvas = document.createElement('canvas');
      canvas.width = 64;
      canvas.height = 36;
      const pen = canvas.getContext('2d');
      pen.drawImage(video, 0, 0, 64, 36);
      const { data } = pen.getImageData(0, 0, 64, 36);
      const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
      return { time: video.currentTime, wide: video.videoWidth, high: video.videoHeight, mean };
    });
  let first;
  for (const until = Date.now() + 15_000; Date.now() < Math.min(until, end); ) {
    const now = await look();
    const lit = now.wide > 0 && now.mean > 72; // 64 is black with full opacity
    first ??= lit ? now : undefined;
    if (first && now.time > first.time + 1) return { wide: now.wide, high: now.high, mean: Math.round(now.mean) };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the picture does not move');
}
