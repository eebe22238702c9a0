// Forms that hold what was typed: what may take it away asks first, or leaves it.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { close, launch, open, until } from './lib/browser.mjs';
import { dist, needing } from './lib/places.mjs';
import { test } from './lib/test.mjs';
import { Mock } from './mock/server.mjs';

const EXISTS = {
  status: 409,
  body: {
    title: 'Conflict',
    status: 409,
    detail: 'there is a channel news already',
    reason: 'exists',
    params: { channel: 'news' },
  },
};
const NO_PROFILE = {
  status: 400,
  body: {
    title: 'Bad Request',
    status: 400,
    detail: '1 mistake',
    reason: 'mistakes',
    params: { count: '1' },
    errors: [
      {
        pointer: '/renditions/0',
        code: 'unknown_rendition',
        params: { value: 'mobile' },
        detail: 'no mobile',
      },
    ],
  },
};

describe('forms', needing('chromium', 'page'), () => {
  let browser;
  let mock;

  before(async () => {
    browser = await launch();
    mock = new Mock(dist);
    await mock.start();
  });
  after(async () => {
    await browser?.close();
    await mock?.stop();
  });
  beforeEach(() => {
    mock.answers.clear();
    mock.asked.length = 0;
    mock.set('night');
  });

  const changes = () => mock.asked.filter((one) => !one.startsWith('GET'));

  /** Answers what the page asks before it is left, and counts it. */
  function answering(page) {
    const told = { stay: true, times: 0 };
    page.on('dialog', async (dialog) => {
      told.times += 1;
      await (told.stay ? dialog.dismiss() : dialog.accept());
    });
    return told;
  }

  test('a step back or forward asks before it takes a form away', async () => {
    const page = await open(browser, `${mock.url}/`);
    const told = answering(page);
    const id = page.getByLabel('Id', { exact: true });
    const step = (by) => page.evaluate((steps) => history.go(steps), by);
    await page.getByRole('link', { name: 'New channel' }).first().click();
    await id.waitFor();
    await page.getByRole('link', { name: 'About' }).first().click();
    await page.waitForURL(/\/about$/);
    await step(-1);
    await id.fill('late-news');
    for (const [times, by] of [
      [1, -1],
      [2, 1],
    ]) {
      await step(by);
      await until('the question', () => told.times === times);
      await until('the way back', async () => new URL(page.url()).pathname === '/new');
      assert.equal(await id.inputValue(), 'late-news');
    }
    told.stay = false;
    await step(-1);
    await page.locator('article').first().waitFor();
    assert.equal(told.times, 3);
    assert.equal(new URL(page.url()).pathname, '/');
    await step(1);
    await id.waitFor();
    await step(1);
    await page.waitForURL(/\/about$/);
    assert.equal(told.times, 3, 'a clean form asks nothing');
    await close(page);
  });

  test('a pasted file is asked for until it is applied', async () => {
    const page = await open(browser, `${mock.url}/import`);
    const told = answering(page);
    const text = page.locator('textarea');
    const wall = page.getByRole('link', { name: 'Wall', exact: true }).last();
    await text.fill('channels: []');
    await wall.click();
    await until('the question', () => told.times === 1);
    assert.equal(await text.inputValue(), 'channels: []');
    await page.getByRole('button', { name: 'Show the difference' }).click();
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('Applied.').waitFor();
    await wall.click();
    await page.locator('article').first().waitFor();
    assert.equal(told.times, 1);
    await close(page);
  });

  test('a channel that another deletes leaves the form, which makes it anew', async () => {
    const remove = () => {
      const [first] = mock.ingests;
      first.channels = first.channels.filter(({ id }) => id !== 'ch004');
      mock.change({ removed_channels: [{ ingest: first.name, id: 'ch004' }] });
    };
    const page = await open(browser, `${mock.url}/edit/ingest-a/ch004`);
    const name = page.getByLabel('Name', { exact: true }).first();
    await name.fill('Night Docu');
    remove();
    await page.getByText('It was deleted while you edited it').waitFor();
    assert.equal(await name.inputValue(), 'Night Docu');
    mock.answers.set('POST /api/ingests/ingest-a/v1/channels', { status: 201, body: {} });
    await page.getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/channels\/ingest-a\/ch004$/);
    assert.deepEqual(changes(), ['POST /api/ingests/ingest-a/v1/channels']);

    mock.set('night');
    await page.goto(`${mock.url}/edit/ingest-a/ch004`);
    await name.waitFor();
    remove();
    await page.getByText('There is no channel ch004 on ingest ingest-a').waitFor();
    assert.equal(await name.count(), 0, 'nothing was typed');
    await close(page);
  });

  test('what some ingests took is finished on the others', async () => {
    const on = (ingest) => `/api/ingests/${ingest}/v1/channels`;
    mock.answers.set(`POST ${on('ingest-a')}`, { status: 201, body: {} });
    mock.answers.set(`POST ${on('ingest-b')}`, NO_PROFILE);
    const page = await open(browser, `${mock.url}/new`);
    await page.getByLabel('Id', { exact: true }).fill('news');
    await page.getByLabel('Address').fill('udp://239.9.1.1:5000');
    await page.getByLabel('Own profiles').fill('mobile');
    await page.getByLabel(/On all 2 ingests/).check();
    await page.getByRole('button', { name: 'Create' }).click();
    const notice = page.getByRole('alert').filter({ hasText: 'This was not saved everywhere' });
    await notice.waitFor();
    assert.match(await notice.innerText(), /ingest-a\s*Saved/);
    assert.equal(await page.getByLabel('Id', { exact: true }).getAttribute('readonly'), '');

    mock.answers.set(`POST ${on('ingest-a')}`, EXISTS);
    mock.answers.set(`PUT ${on('ingest-a')}/news`, { status: 200, body: {} });
    mock.answers.set(`POST ${on('ingest-b')}`, { status: 201, body: {} });
    mock.asked.length = 0;
    await page.getByLabel('Own profiles').fill('');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\?q=news$/);
    assert.deepEqual(changes().sort(), [`POST ${on('ingest-b')}`, `PUT ${on('ingest-a')}/news`]);
    await close(page);
  });
});
