// A stand-in for encoder-ui with made-up ingests: it serves the built page under the real policy, the
// same paths and the same stream. `node mock/server.mjs DIST [PORT] [SCENARIO]` runs it by hand.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { events, scenarios } from './fleet.mjs';
import { answerPreview } from './preview.mjs';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
  "media-src blob:; worker-src blob: 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** Of an ingest that can do all that the page knows. */
const DESCRIPTION = {
  openapi: '3.1.0',
  paths: {
    '/api/v1/channels/{id}/capture.ts': { get: {} },
    '/api/v1/channels/{id}/diagnose': { post: {} },
    '/api/v1/channels/{id}/pin': { post: {}, delete: {} },
  },
};

export class Mock {
  ingests = [];
  me = { name: 'ann', role: 'admin', login: true };
  /** Who logs in by whatever name and password. */
  user = this.me;
  streams = new Set();
  /** Names of ingests that are here and say nothing new. */
  mute = new Set();
  /** `METHOD path` of every request to an ingest. */
  asked = [];
  /** Answers by `METHOD path`, before anything else: `{status, body, headers}`. */
  answers = new Map();
  pictures = [];

  constructor(folder, scenario = 'night') {
    this.folder = folder;
    this.set(scenario);
    this.server = createServer((request, response) => {
      this.#answer(request, response).catch((error) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
    });
  }

  /** Previews play from now on; else they are refused. */
  withPreviews() {
    this.server.on('upgrade', answerPreview);
  }

  async start(port = 0) {
    await new Promise((resolve) => this.server.listen(port, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    this.timer = setInterval(() => this.#second(), 1000);
    return this.url;
  }

  async stop() {
    clearInterval(this.timer);
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  set(scenario) {
    this.ingests = scenarios[scenario]();
    for (const stream of this.streams) this.#snapshot(stream);
  }

  /** Ends all streams, and refuses new ones until `open` again. */
  cut(closed = true) {
    this.closed = closed;
    if (closed) for (const stream of this.streams) stream.destroy();
  }

  /** As by a logout, in whichever tab, or when its time is over. */
  endSession() {
    this.me = null;
    for (const stream of this.streams) stream.end();
  }

  send(event, data) {
    for (const stream of this.streams) stream.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  change(part) {
    this.send('change', {
      time: new Date().toISOString(),
      ingests: [],
      removed_ingests: [],
      channels: [],
      removed_channels: [],
      ...part,
    });
  }

  #snapshot(stream) {
    const data = { time: new Date().toISOString(), ingests: this.ingests };
    stream.write(`event: snapshot\ndata: ${JSON.stringify(data)}\n\n`);
  }

  /** Figures move, as they do on a real wall: each channel once a second. */
  #second() {
    const channels = [];
    const ingests = [];
    for (const ingest of this.ingests) {
      const { name, state, channels: list } = ingest;
      if (state !== 'here' || this.mute.has(name)) continue;
      ingest.seen_at = new Date().toISOString();
      ingests.push({ ...ingest, channels: undefined });
      for (const one of list) {
        if (one.status.bitrate_bps === 0 || !one.enabled) continue;
        one.base ??= one.status.bitrate_bps;
        const wave = 1 + 0.06 * Math.sin(Date.now() / 3000 + one.number) + 0.04 * (Math.random() - 0.5);
        one.status = {
          ...one.status,
          bitrate_bps: Math.round(one.base * wave),
        };
        if (one.status.state === 'degraded')
          one.status.lost = {
            ...one.status.lost,
            network: one.status.lost.network + 2,
          };
        channels.push({ ingest: name, channel: { ...one, base: undefined } });
      }
    }
    if (ingests.length > 0) this.change({ ingests, channels });
    else for (const stream of this.streams) stream.write(': \n\n');
  }

  async #answer(request, response) {
    const url = new URL(request.url, 'http://mock');
    const path = decodeURIComponent(url.pathname);
    response.setHeader('content-security-policy', POLICY);
    response.setHeader('x-content-type-options', 'nosniff');
    const given = this.answers.get(`${request.method} ${path}`);
    if (path.startsWith('/api/ingests/')) this.asked.push(`${request.method} ${path}${url.search}`);
    if (given) {
      const { status = 200, body = null, headers = {} } = typeof given === 'function' ? given(url) : given;
      response.writeHead(status, {
        'content-type': status >= 400 ? 'application/problem+json' : 'application/json',
        ...headers,
      });
      response.end(body === null ? undefined : JSON.stringify(body));
      return;
    }
    const json = (body, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (path === '/api/login') {
      this.me = this.user;
      return json(null);
    }
    if (path === '/api/logout') {
      this.endSession();
      return json(null);
    }
    if (path.startsWith('/api/') && !this.me)
      return json({ title: 'Unauthorized', status: 401, detail: 'log in' }, 401);
    if (path === '/api/me') return json(this.me);
    if (path === '/api/events') return this.#stream(request, response);
    if (path === '/api/about') {
      return json({
        version: '0.1.0',
        login: true,
        public_url: 'https://tv.example',
        limits: {
          sessions_max: 10000,
          previews_max: 32,
          ingests_max: 64,
          login_attempts_max: 10,
          update_rate_max: 2,
        },
      });
    }
    if (path === '/api/events.json') return json({ events: events(), missing: ['ingest-c'] });
    if (path.startsWith('/api/ingests/')) return this.#ingest(path, url, json, response);
    if (path.startsWith('/api/'))
      return json({ title: 'Not Found', status: 404, detail: 'no such path' }, 404);
    await this.#file(path, response);
  }

  #stream(request, response) {
    if (this.closed) {
      response.destroy();
      return;
    }
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    this.#snapshot(response);
  }

  #ingest(path, url, json, response) {
    const [, , , name, , ...rest] = path.split('/');
    const at = rest.join('/');
    const known = this.ingests.find((one) => one.name === name);
    if (!known) return json({ title: 'Not Found', status: 404, detail: 'no such ingest' }, 404);
    if (at === 'openapi.json') return json(DESCRIPTION);
    if (at.endsWith('/viewers')) {
      const since = new Date(Date.now() - 754_000).toISOString();
      return json({
        viewers: [
          {
            id: '1',
            address: '10.0.4.17:50112',
            user_agent: 'VLC/3.0.20 LibVLC/3.0.20',
            since,
            bytes: 812_000_000,
            lag_ms: 24,
            skipped_bytes: 0,
          },
          {
            id: '2',
            address: '10.0.4.31:41200',
            user_agent: 'mpv 0.37.0',
            since,
            bytes: 411_000_000,
            lag_ms: 31,
            skipped_bytes: 0,
          },
          {
            id: '3',
            address: '10.0.9.2:33071',
            user_agent: 'Lavf/60.16.100',
            since,
            bytes: 96_000_000,
            lag_ms: 1740,
            skipped_bytes: 4_211_000,
          },
        ],
      });
    }
    if (at.endsWith('/errors')) {
      const time = new Date(Date.now() - 1500).toISOString();
      const hurt = known.channels.find((one) => at.includes(`${one.id}/`))?.status.state === 'degraded';
      return json({
        errors: hurt
          ? [
              { time, kind: 'continuity_count_error', count: 2 },
              { time, kind: 'lost_network', count: 2 },
            ]
          : [],
      });
    }
    if (at === 'interfaces') {
      const nic = (index, nicName, more) => ({
        name: nicName,
        index,
        up: true,
        carrier: true,
        multicast: true,
        loopback: false,
        device: true,
        speed_mbps: 10_000,
        addresses: [{ address: `10.0.${index}.8`, prefix: 24 }],
        rp_filter: 0,
        memberships: [],
        rx_bytes: Math.round(Date.now() * 0.8 * index),
        rx_dropped: 0,
        tx_bytes: 81_000_000_000,
        tx_dropped: 0,
        ...more,
      });
      return json({
        interfaces: [
          nic(1, 'lo', {
            loopback: true,
            device: false,
            speed_mbps: null,
            addresses: [{ address: '127.0.0.1', prefix: 8 }],
            rx_bytes: 123_456,
          }),
          nic(2, 'eth0', { rp_filter: 1, speed_mbps: 1000 }),
          nic(3, 'eth1', {
            memberships: ['239.1.0.1', '239.1.0.2', '239.1.0.3'],
            rx_dropped: 12,
          }),
          nic(4, 'eth2', {
            carrier: false,
            addresses: [],
            rp_filter: 2,
            speed_mbps: null,
          }),
        ],
      });
    }
    if (at.endsWith('/diagnose')) {
      return json({
        channel: 'ch010',
        state: 'waiting',
        reason: 'on_other_interface',
        params: {
          group: '239.1.0.10:5000',
          interface: 'eth1',
          found_on: 'eth2',
          source: '10.0.2.9',
        },
        verdict: '',
        group: '239.1.0.10:5000',
        interface: {
          name: 'eth1',
          up: true,
          carrier: true,
          members: 1,
          igmp_version: 'V3',
          rp_filter: 0,
          rp_filter_test: null,
          rp_filter_drops: 0,
          rx_bytes: 1,
          rx_dropped: 0,
        },
        probes: [
          {
            interface: 'eth2',
            outcome: 'came',
            source: '10.0.2.9',
            error: null,
          },
          { interface: 'eth3', outcome: 'nothing', source: null, error: null },
        ],
        receive_buffer_bytes: 8_388_608,
      });
    }
    if (at === 'channels:apply') {
      return json({
        added: ['ch101', 'ch102'],
        changed: ['ch004'],
        removed: ['ch008'],
        changes: {
          ch004: {
            name: { old: 'Docu World', new: 'Docu World HD' },
            inputs: {
              old: [{ url: 'udp://239.1.0.4:5000' }],
              new: [{ url: 'rtp://239.1.0.4:5000' }],
            },
          },
        },
        ignored: [],
      });
    }
    if (at.endsWith('/snapshot.jpg')) {
      const picture = this.pictures[Number(/\d+/.exec(at)?.[0] ?? 0) % Math.max(1, this.pictures.length)];
      if (picture) {
        response.writeHead(200, { 'content-type': 'image/jpeg' });
        response.end(picture);
        return undefined;
      }
      return json({ title: 'Not Found', status: 404, detail: 'no picture yet' }, 404);
    }
    const id = /^channels\/([^/]+)$/.exec(at)?.[1];
    const found = known.channels.find((one) => one.id === id);
    if (found) {
      response.setHeader('etag', '"1"');
      return json(found);
    }
    return json({ title: 'Not Found', status: 404, detail: `no ${at}` }, 404);
  }

  async #file(path, response) {
    const name = normalize(path).replace(/^\/+/, '');
    const isFile = extname(name) !== '' && !name.startsWith('..');
    try {
      const body = await readFile(join(this.folder, isFile ? name : 'index.html'));
      response.writeHead(200, {
        'content-type': TYPES[isFile ? extname(name) : '.html'] ?? 'application/octet-stream',
      });
      response.end(body);
    } catch {
      response.writeHead(404);
      response.end();
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [folder, port = '8081', scenario = 'night'] = process.argv.slice(2);
  const mock = new Mock(folder, scenario);
  console.log(await mock.start(Number(port)));
}
