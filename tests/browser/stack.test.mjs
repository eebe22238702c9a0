// The real programs on loopback: source-server, two ingests, encoder-ui with users.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { assertAccessible, assertPlays, close, launch, open, picture, until } from './lib/browser.mjs';
import { needing, programs } from './lib/places.mjs';
import { Cable, Stack } from './lib/stack.mjs';
import { test } from './lib/test.mjs';

/** Groups of this file alone; other tests on `lo` have theirs. */
const GROUPS = ['239.255.61.1', '239.255.61.2', '239.255.61.3'];
const PASSWORDS = { ann: 'correct horse battery', vic: 'looking is enough' };

describe('the whole system', needing('chromium', 'page', 'programs'), () => {
  const stack = new Stack();
  let browser;
  let source;
  let near;
  let far;
  let farAddress;
  let cable;
  let ui;

  const ingestArguments = (name, channels) => {
    const file = join(stack.folder, `${name}.yaml`);
    writeFileSync(
      file,
      `channels:\n${channels.map(([id, title, url]) => `  - id: ${id}\n    name: ${title}\n    inputs:\n      - url: ${url}\n`).join('')}`,
    );
    return [
      '--interface',
      'lo',
      '--node-name',
      name,
      '--channels',
      file,
      '--state-dir',
      stack.folder + `/${name}-state`,
      '--probe-interfaces',
      'none',
    ];
  };

  const api = async (url, path, method = 'GET', body = undefined) => {
    const response = await fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    return {
      status: response.status,
      json: response.status === 204 ? null : await response.json(),
    };
  };

  const faults = async (id, wanted) => {
    const { status } = await api(source.url, `streams/${id}/faults`, 'PUT', wanted);
    assert.ok(status < 300, `faults: ${status}`);
  };

  /** A page that is logged in. */
  async function enter(path = '/', user = 'ann', options = {}) {
    const page = await open(browser, `${ui.url}/login`, options);
    await page.locator('input[name=name]').fill(user);
    await page.locator('input[name=password]').fill(PASSWORDS[user]);
    await page.locator('button[type=submit]').click();
    await page.locator('input[name=password]').waitFor({ state: 'detached' });
    await page.locator('main h1').first().waitFor({ state: 'attached' });
    if (path !== '/') await page.goto(ui.url + path);
    return page;
  }

  const card = (page, name) =>
    page.locator('article').filter({ has: page.getByRole('link', { name, exact: true }) });

  before(async () => {
    const { mkdirSync } = await import('node:fs');
    for (const name of ['near', 'far']) mkdirSync(join(stack.folder, `${name}-state`));
    source = await stack.start('source-server', [
      '--interface',
      'lo',
      '--channels',
      '3',
      '--group',
      GROUPS[0],
      '--port',
      '5000',
      '--rtp',
      '--mbps',
      '4',
    ]);
    near = await stack.start(
      'encoder-ingest',
      ingestArguments('near', [
        ['one', 'Channel One', `rtp://${GROUPS[0]}:5000`],
        ['two', 'Channel Two', `rtp://${GROUPS[1]}:5000`],
      ]),
      'ingest-near',
    );
    far = await stack.start(
      'encoder-ingest',
      ingestArguments('far', [['three', 'Channel Three', `rtp://${GROUPS[2]}:5000`]]),
      'ingest-far',
    );
    farAddress = far.url;
    cable = stack.keep(await new Cable(far.url).start());
    const users = Object.entries(PASSWORDS).map(([name, password]) => {
      const hash = execFileSync(join(programs, 'encoder-ui'), ['hash-password'], {
        input: `${password}\n`,
        encoding: 'utf8',
      })
        .trim()
        .split('\n')
        .at(-1);
      return `  - name: ${name}\n    password: "${hash}"\n    role: ${name === 'ann' ? 'admin' : 'viewer'}\n`;
    });
    const file = join(stack.folder, 'users.yaml');
    writeFileSync(file, `users:\n${users.join('')}`);
    ui = await stack.start('encoder-ui', ['--ingest', `${near.url},${cable.url}`, '--users', file]);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await stack.stop();
  });

  test('the wall shows what the ingests have, over one stream', async () => {
    const page = await enter();
    for (const name of ['Channel One', 'Channel Two', 'Channel Three']) {
      await until(
        `${name} receives`,
        async () =>
          (
            await card(page, name)
              .innerText()
              .catch(() => '')
          ).includes('Receiving'),
        15_000,
      );
    }
    await until('the title', async () => (await page.title()) === 'Encoder');
    await picture(page, 'real-wall');
    await assertAccessible(page, 'the real wall');
    await close(page);
  });

  test('the preview plays: its time advances, and its frames are not black', async () => {
    const page = await enter('/channels/near/one');
    await page.locator('video').waitFor();
    const { first } = await assertPlays(page);
    assert.equal(first.muted, true, 'sound is off at first');
    await page
      .getByText('Test card')
      .first()
      .waitFor({ timeout: 5000 })
      .catch(() => {});
    await picture(page, 'real-channel', { fullPage: true });
    await assertAccessible(page, 'a channel that plays');
    await close(page);
  });

  test('a channel is created, edited and deleted by the form, and the ingest has it', async () => {
    const page = await enter('/new');
    await page.getByLabel('Id', { exact: true }).fill('made');
    await page.getByLabel('Name', { exact: true }).first().fill('Made Here');
    await page.getByLabel('Address').fill(`rtp://${GROUPS[1]}:5000`);
    await page.getByLabel('Only on near').check();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.waitForURL(/\/channels\/near\/made$/);
    const made = await api(near.url, 'channels/made');
    assert.equal(made.json.name, 'Made Here');
    assert.equal(made.json.origin, 'operator');
    assert.equal((await api(farAddress, 'channels/made')).status, 404, 'only where it was asked for');
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByLabel('Name', { exact: true }).first().fill('Changed Here');
    await page.getByLabel('Group').fill('Night');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL(/\/channels\/near\/made$/);
    const changed = await api(near.url, 'channels/made');
    assert.deepEqual([changed.json.name, changed.json.group], ['Changed Here', 'Night']);
    const { json } = await api(near.url, 'events.json');
    const event = json.events.find((one) => one.kind === 'channel_changed' && one.channel === 'made');
    assert.match(event.actor, /ann/, 'who did it');
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    assert.equal((await api(near.url, 'channels/made')).status, 404);
    await close(page);
  });

  test('what the ingest refuses is said at its field, and the form stays', async () => {
    const page = await enter('/new');
    await page.getByLabel('Id', { exact: true }).fill('one');
    await page.getByLabel('Address').fill(`rtp://${GROUPS[1]}:5000`);
    await page.getByLabel('Own profiles').fill('nowhere');
    await page.getByLabel('Only on near').check();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText(/nowhere is not known/).waitFor();
    assert.equal(await page.getByLabel('Own profiles').getAttribute('aria-invalid'), 'true');
    await page.getByLabel('Own profiles').fill('');
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByText(/There is a channel one already|Declared in the channels file/).waitFor();
    assert.equal(await page.getByLabel('Address').inputValue(), `rtp://${GROUPS[1]}:5000`);
    await close(page);
  });

  test('a fault of the source turns the card within 3 s, with its reason', async () => {
    const page = await enter();
    const two = card(page, 'Channel Two');
    await until('well', async () => (await two.innerText()).includes('Receiving'), 15_000);
    await faults('c002', { seed: 1, loss: { probability: 0.05 } });
    let began = Date.now();
    await until('degraded', async () => (await two.innerText()).includes('RTP packets are lost'), 3000);
    console.log(`loss was shown after ${Date.now() - began} ms`);
    assert.match(await two.innerText(), /Degraded/);
    await faults('c002', { silence: {} });
    began = Date.now();
    await until('stopped', async () => (await two.innerText()).includes('has stopped'), 3000);
    console.log(`silence was shown after ${Date.now() - began} ms`);
    assert.match(await page.title(), /^\(1\)/);
    await page.getByRole('button', { name: '切换到中文' }).click();
    await until('Chinese', async () => (await two.innerText()).includes('已中断'));
    await page.getByRole('button', { name: 'Switch to English' }).click();
    await card(page, 'Channel Two').getByRole('link').click();
    await page.getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByLabel('Note').fill('looking at it');
    await page.getByRole('dialog').getByRole('button', { name: 'Acknowledge' }).click();
    await page.getByText('looking at it').waitFor();
    await picture(page, 'real-ill', { fullPage: true });
    await faults('c002', {});
    await until(
      'well again',
      async () => (await page.locator('h1 + .badge').innerText()).includes('Receiving'),
      10_000,
    );
    await close(page);
  });

  test('a viewer is connected, seen, and disconnected', async () => {
    const stop = new AbortController();
    const watching = fetch(`${near.url}/channels/one.ts`, {
      signal: stop.signal,
      headers: { 'user-agent': 'night-player/1' },
    })
      .then(async (response) => {
        for await (const _ of response.body) void _;
      })
      .catch(() => {});
    const page = await enter('/channels/near/one');
    const row = page.locator('tr').filter({ hasText: 'night-player/1' });
    await row.waitFor();
    await row.getByRole('button', { name: /Disconnect/ }).click();
    await row.waitFor({ state: 'detached' });
    await watching;
    stop.abort();
    await close(page);
  });

  test('an ingest that is stopped and started again', async () => {
    const page = await enter();
    await until(
      'well',
      async () => (await card(page, 'Channel Three').innerText()).includes('Receiving'),
      15_000,
    );
    await far.stop();
    const began = Date.now();
    await page.getByText('Ingest far is away').waitFor({ timeout: 6000 });
    console.log(`a stopped ingest was away after ${Date.now() - began} ms`);
    await until('unknown', async () => (await card(page, 'Channel Three').innerText()).includes('Unknown'));
    assert.match(await card(page, 'Channel One').innerText(), /Receiving/, 'the rest works');
    await picture(page, 'real-away');
    far = await stack.startAt(
      'encoder-ingest',
      ingestArguments('far', [['three', 'Channel Three', `rtp://${GROUPS[2]}:5000`]]),
      farAddress,
      'ingest-far-again',
    );
    await until(
      'back',
      async () => (await card(page, 'Channel Three').innerText()).includes('Receiving'),
      15_000,
    );
    assert.equal(await page.getByText('Ingest far is away').count(), 0);
    await close(page);
  });

  test('an ingest whose network is cut is away within 5 s', async () => {
    const page = await enter();
    await until(
      'well',
      async () => (await card(page, 'Channel Three').innerText()).includes('Receiving'),
      15_000,
    );
    cable.cut();
    const began = Date.now();
    // The page is told at most twice a second.
    await page.getByText('Ingest far is away').waitFor({ timeout: 5700 });
    console.log(`a cut network was seen after ${Date.now() - began} ms`);
    cable.mend();
    await until(
      'back',
      async () => (await card(page, 'Channel Three').innerText()).includes('Receiving'),
      15_000,
    );
    await close(page);
  });

  test('a viewer finds no forbidden action, and the server refuses them too', async () => {
    const page = await enter('/channels/near/one', 'vic');
    await page.getByText('vic (viewer)').waitFor();
    assert.equal(
      await page
        .getByRole('button', {
          name: /Reset counters|Disconnect|Delete|Diagnose/,
        })
        .count(),
      0,
    );
    const statuses = await page.evaluate(async () => {
      const tries = [
        ['POST', '/api/ingests/near/v1/channels', '{"id":"x","inputs":[{"url":"udp://239.255.61.9:5000"}]}'],
        ['POST', '/api/ingests/near/v1/channels/one/counters:reset', null],
        ['DELETE', '/api/ingests/near/v1/channels/one', null],
        ['DELETE', '/api/ingests/far', null],
      ];
      const answers = await Promise.all(
        tries.map(([method, path, body]) =>
          fetch(path, {
            method,
            body,
            headers: body ? { 'content-type': 'application/json' } : {},
          }),
        ),
      );
      return answers.map((answer) => answer.status);
    });
    assert.deepEqual(statuses, [403, 403, 403, 403]);
    await close(page);
  });

  test('what is left when the page server itself goes: a mark of age, then all anew', async () => {
    const page = await enter();
    await card(page, 'Channel One').waitFor();
    ui.signal('SIGSTOP');
    await page.getByText(/What you see is .* old/).waitFor({ timeout: 9000 });
    ui.signal('SIGCONT');
    await page.getByText('Live', { exact: true }).waitFor({ timeout: 15_000 });
    await close(page);
  });

  test('wrong passwords are limited', async () => {
    const page = await open(browser, `${ui.url}/`);
    await page.locator('input[name=name]').fill('ann');
    const limited = page.getByText(/Too many attempts/);
    const wrong = page.getByText('Name or password is wrong');
    for (let n = 0; n < 40 && (await limited.count()) === 0; n += 1) {
      await page.locator('input[name=password]').fill(`wrong ${n}`);
      const answered = page.waitForResponse(/\/api\/login/);
      await page.locator('button[type=submit]').click();
      const status = (await answered).status();
      assert.ok(status === 401 || status === 429, `${status}`);
      await (status === 429 ? limited : wrong).waitFor();
    }
    assert.equal(await limited.count(), 1);
    await close(page);
  });
});
