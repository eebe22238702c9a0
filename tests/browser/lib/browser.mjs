// Chromium of the distribution, pages that must not complain, and the accessibility rules.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium as playwright } from 'playwright-core';
import { chromium, pictures } from './places.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export async function launch() {
  return playwright.launch({
    executablePath: chromium,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
    ],
  });
}

export const SIZES = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
  wall: { width: 3840, height: 2160 },
};

/** A page of its own profile. What it asks of others, and what it complains of, is kept in `faults`. */
export async function open(browser, url, options = {}) {
  const { size = 'desktop', scheme = 'dark', locale = 'en-GB' } = options;
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: scheme,
    locale,
    reducedMotion: options.motion ? 'no-preference' : 'reduce',
    hasTouch: size === 'phone',
    acceptDownloads: true,
  });
  const page = await context.newPage();
  watch(page, new URL(url).origin);
  if (options.prepare) await page.addInitScript(options.prepare);
  await page.goto(url);
  return page;
}

export function watch(page, origin) {
  page.faults = [];
  page.on('request', (request) => {
    const from = new URL(request.url());
    const own =
      from.origin === origin || from.host === new URL(origin).host || /^(data|blob):/.test(request.url());
    if (!own) page.faults.push(`asked of another: ${request.url()}`);
  });
  page.on('pageerror', (error) => page.faults.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    // What the network refuses is said by the browser itself; the page's own complaints count.
    if (
      message.type() !== 'error' ||
      /Failed to load resource|WebSocket connection|net::ERR/.test(message.text())
    )
      return;
    page.faults.push(`console: ${message.text()}`);
  });
}

export async function close(page) {
  const { faults } = page;
  await page.context().close();
  assert.deepEqual(faults, [], 'what the page complained of, and asked of others');
}

/** The rules of axe-core, all of them; injected as the page's policy allows no foreign script. */
export async function assertAccessible(page, what) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { resultTypes: ['violations'] }),
  );
  const told = violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes
        .slice(0, 3)
        .map((node) => `${node.target} ${node.any[0]?.message ?? ''}`)
        .join(' | ')}`,
  );
  assert.deepEqual(told, [], `accessibility of ${what}`);
}

export async function picture(page, name, options = {}) {
  await page.screenshot({ path: join(pictures, `${name}.png`), ...options });
}

/** What the page's video shows: its time, its size, and how light its picture is (0 to 255). */
export async function shown(page) {
  return page.evaluate(() => {
    const video = document.querySelector('video');
    const canvas = document.createElement('canvas');
    canvas.width = 64;
    canvas.height = 36;
    const pen = canvas.getContext('2d');
    pen.drawImage(video, 0, 0, 64, 36);
    const { data } = pen.getImageData(0, 0, 64, 36);
    let sum = 0;
    let most = 0;
    for (let at = 0; at < data.length; at += 4) {
      const light = (data[at] + data[at + 1] + data[at + 2]) / 3;
      sum += light;
      most = Math.max(most, light);
    }
    return {
      time: video.currentTime,
      mean: sum / (64 * 36),
      most,
      muted: video.muted,
      wide: video.videoWidth,
      high: video.videoHeight,
    };
  });
}

/** Waits for a picture that is not black, then until the video's time has gone on by 2 s; both as `shown`. */
export async function assertPlays(page) {
  const first = await until(
    'a picture',
    async () => {
      const now = await shown(page);
      return now.wide > 0 && now.time > 0 && now.mean > 8 ? now : null;
    },
    20_000,
  );
  assert.ok(first.most > 40, `the lightest spot is ${first.most}`);
  const later = await until(
    'two more seconds',
    async () => {
      const now = await shown(page);
      return now.time > first.time + 2 ? now : null;
    },
    10_000,
  );
  assert.ok(later.mean > 8, `mean light ${later.mean}`);
  return { first, later };
}

/** Waits until a condition holds; what it returned last is in the message. */
export async function until(what, condition, ms = 5000) {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    last = await condition();
    if (last) return last;
    if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** No page is wider than its window: nobody scrolls sideways on a phone. */
export async function assertFits(page, what) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= window, `${what} is ${wide} px wide in a window of ${window}`);
}
