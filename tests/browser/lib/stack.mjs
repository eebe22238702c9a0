// The programs as processes on loopback, with multicast on `lo`.

import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { out, programs } from './places.mjs';
import { until } from './browser.mjs';

export class Process {
  constructor(name, args, log) {
    this.name = name;
    // The death of the tests takes the program along.
    const command = ['--pdeathsig', 'TERM', join(programs, name), ...args];
    this.child = spawn('setpriv', command, {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const file = createWriteStream(log);
    this.child.stdout.pipe(file, { end: false });
    this.child.stderr.pipe(file, { end: false });
    this.ended = new Promise((resolve) => this.child.on('exit', resolve));
  }

  signal(signal) {
    this.child.kill(signal);
  }

  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(signal);
    await this.ended;
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function ready(url) {
  await until(
    `${url}/ready`,
    async () => {
      try {
        return (await fetch(`${url}/ready`)).ok;
      } catch {
        return false;
      }
    },
    20_000,
  );
}

/** All programs that one file of tests needs; `stop` ends them and removes their folder. */
export class Stack {
  #all = [];
  #logs = join(out, 'logs');

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'encoder-browser-'));
    mkdirSync(this.#logs, { recursive: true });
  }

  async start(name, args, label = name) {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    return this.startAt(name, args, url, label);
  }

  async startAt(name, args, url, label = name) {
    const all = ['--listen', new URL(url).host, ...args];
    const process = new Process(name, all, join(this.#logs, `${label}.log`));
    this.#all.push(process);
    await ready(url);
    return Object.assign(process, { url });
  }

  keep(what) {
    this.#all.push(what);
    return what;
  }

  async stop() {
    await Promise.all(this.#all.reverse().map((one) => one.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A cable that can be cut: what is sent is swallowed, nothing is closed, new connections hang. */
export class Cable {
  #sockets = new Set();
  #cut = false;

  constructor(to) {
    this.to = new URL(to);
    this.server = createServer((near) => {
      const far = connect(Number(this.to.port), this.to.hostname);
      for (const [from, into] of [
        [near, far],
        [far, near],
      ]) {
        this.#sockets.add(from);
        from.on('data', (data) => this.#cut || into.write(data));
        from.on('end', () => this.#cut || into.end());
        from.on('error', () => into.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          if (!this.#cut) into.destroy();
        });
      }
    });
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  cut() {
    this.#cut = true;
  }

  mend() {
    this.#cut = false;
    // What was on the way is lost, as TCP would find out after a while.
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
