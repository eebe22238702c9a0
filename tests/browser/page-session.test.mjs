// Logins and logouts under an open page: in all tabs, with what was typed, and with another role.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe } from 'node:test';
import { assertAccessible, close, launch, open, until, watch } from './lib/browser.mjs';
import { needing, dist } from './lib/places.mjs';
import { test } from './lib/test.mjs';
import { Mock } from './mock/server.mjs';

const ANN = { name: 'ann', role: 'admin', login: true };
const BOB = { name: 'bob', role: 'admin', login: true };

describe('the page and its session', needing('chromium', 'page'), () => {
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
    mock.me = ANN;
    mock.user = ANN;
    mock.answers.clear();
    mock.set('night');
  });

  const password = (page) => page.locator('input[name=password]');

  async function logIn(page, user = ANN) {
    mock.user = user;
    await page.locator('input[name=name]').fill(user.name);
    await password(page).fill('correct horse');
    await page.locator('button[type=submit]:visible').click();
    await password(page).waitFor({ state: 'detached' });
  }

  test('each logout and each login reaches every tab, however often', async () => {
    const one = await open(browser, `${mock.url}/`);
    const two = await one.context().newPage();
    watch(two, mock.url);
    await two.goto(`${mock.url}/`);
    for (let round = 0; round < 3; round += 1) {
      await two.locator('article').first().waitFor();
      await two.getByText('Live', { exact: true }).waitFor();
      await one.getByRole('button', { name: 'Log out' }).click();
      await password(one).waitFor();
      await password(two).waitFor();
      assert.equal(await two.locator('article').count(), 0, 'nothing of the user is left');
      await logIn(one);
    }
    await two.locator('article').first().waitFor();
    mock.endSession();
    await password(one).waitFor();
    await password(two).waitFor();
    assert.deepEqual(two.faults, []);
    await close(one);
  });

  test('a form waits under the login for the same user, and for no other', async () => {
    const page = await open(browser, `${mock.url}/new`);
    const id = page.getByLabel('Id', { exact: true });
    const address = page.getByLabel('Address');
    await id.fill('late-news');
    await address.fill('udp://239.9.1.1:5000');
    mock.endSession();
    await password(page).waitFor();
    assert.equal(await address.isVisible(), false);
    await assertAccessible(page, 'a login over a form');
    await page.keyboard.press('?');
    assert.equal(await page.getByRole('dialog').count(), 0);
    await logIn(page);
    assert.equal(await id.inputValue(), 'late-news');
    assert.equal(await address.inputValue(), 'udp://239.9.1.1:5000');
    await page.getByText('Live', { exact: true }).waitFor();
    mock.answers.set('POST /api/ingests/ingest-a/v1/channels', { status: 201, body: {} });
    await page.getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/channels\/ingest-a\/late-news$/);

    await page.goto(`${mock.url}/new`);
    await id.fill('late-news');
    mock.endSession();
    await password(page).waitFor();
    await logIn(page, BOB);
    await page.getByText('bob (admin)').waitFor();
    assert.equal(await id.inputValue(), '');
    await close(page);
  });

  test('one who logs out is asked for what was typed, and then nothing of it is left', async () => {
    const page = await open(browser, `${mock.url}/new`);
    await page.getByLabel('Id', { exact: true }).fill('late-news');
    const out = page.getByRole('button', { name: 'Log out' });
    page.once('dialog', (dialog) => dialog.dismiss());
    await out.click();
    assert.equal(mock.me, ANN);
    page.once('dialog', (dialog) => dialog.accept());
    await out.click();
    await password(page).waitFor();
    assert.equal(await page.getByLabel('Id', { exact: true }).count(), 0);
    await close(page);
  });

  test('a role that was taken away is seen at the first refusal', async () => {
    const refusal = {
      status: 403,
      body: { title: 'Forbidden', status: 403, detail: 'your role may not do this', reason: 'role' },
    };
    const page = await open(browser, `${mock.url}/channels/ingest-a/ch007`);
    await page.getByText('ann (admin)').waitFor();
    mock.me = { ...ANN, role: 'viewer' };
    mock.answers.set('POST /api/ingests/ingest-a/v1/channels/ch007/counters:reset', refusal);
    await page.getByRole('button', { name: 'Reset counters' }).click();
    await page.getByText('ann (viewer)').waitFor();
    assert.equal(await page.getByRole('link', { name: /New channel|Import|Edit/ }).count(), 0);
    assert.equal(await page.getByRole('button', { name: 'Reset counters' }).count(), 0);

    mock.me = ANN;
    await page.goto(`${mock.url}/new`);
    await page.getByLabel('Id', { exact: true }).fill('late-news');
    await page.getByLabel('Address').fill('udp://239.9.1.1:5000');
    mock.me = { ...ANN, role: 'viewer' };
    mock.answers.set('POST /api/ingests/ingest-a/v1/channels', refusal);
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText('Your role may look, but not change').waitFor();
    assert.equal(await page.getByLabel('Id', { exact: true }).inputValue(), 'late-news');
    await close(page);
  });

  test('a login without an answer leaves the password, a wrong one does not', async () => {
    mock.me = null;
    const page = await open(browser, `${mock.url}/`);
    await page.locator('input[name=name]').fill('ann');
    await password(page).fill('correct horse');
    await page.route('**/api/login', (route) => route.abort());
    await page.locator('button[type=submit]').click();
    await page.getByText(/does not answer/).waitFor();
    assert.equal(await password(page).inputValue(), 'correct horse');
    await page.unroute('**/api/login');
    mock.answers.set('POST /api/login', {
      status: 401,
      body: { title: 'Unauthorized', status: 401, detail: 'no' },
    });
    await page.locator('button[type=submit]').click();
    await page.getByText('Name or password is wrong').waitFor();
    await until('an empty field', async () => (await password(page).inputValue()) === '');
    await close(page);
  });
});
