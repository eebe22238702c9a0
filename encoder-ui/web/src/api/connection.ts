// The one live connection: a stream that is opened again for as long as somebody listens. It runs in
// a shared worker, so that many tabs cost one connection of the six that HTTP/1.1 allows, or in the
// page itself where there are no shared workers.

import { merge, type Fleet } from './merge';
import { readStream, type StreamMessage } from './stream';
import type { Change, EventEntry, Snapshot } from './types';

export type News =
  | { kind: 'snapshot'; snapshot: Snapshot }
  | { kind: 'change'; change: Change }
  | { kind: 'events'; events: EventEntry[] }
  | { kind: 'alive' }
  | { kind: 'lost' }
  | { kind: 'login' };

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 10_000;
/** Tells listeners that nothing new is fresh all the same. */
const ALIVE_EACH_MS = 1000;

export class Connection {
  readonly #tell: (news: News) => void;
  #stop: AbortController | null = null;
  #fleet: Fleet | null = null;
  #lastAlive = 0;

  constructor(tell: (news: News) => void) {
    this.#tell = tell;
  }

  /** What is known now, for a listener that comes later; null while it is not known to be fresh. */
  get snapshot(): Snapshot | null {
    if (!this.#fleet) return null;
    const all = [...this.#fleet.ingests.values()];
    const ingests = all.map((one) => ({ ...one.ingest, channels: [...one.channels.values()] }));
    return { time: this.#fleet.time, ingests };
  }

  start(): void {
    if (this.#stop) return;
    const stop = new AbortController();
    this.#stop = stop;
    void this.#run(stop.signal);
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = null;
    this.#fleet = null;
  }

  async #run(signal: AbortSignal): Promise<void> {
    let retryMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      const end = await readStream('/api/events', signal, {
        opened: () => (retryMs = RETRY_FIRST_MS),
        heard: () => this.#heard(),
        take: (message) => this.#take(message),
      });
      if (signal.aborted) return;
      this.#fleet = null;
      if (end === 'login') {
        this.stop();
        this.#tell({ kind: 'login' });
        return;
      }
      this.#tell({ kind: 'lost' });
      await pause(retryMs * (0.75 + Math.random() / 2), signal);
      retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
    }
  }

  #take(message: StreamMessage): void {
    switch (message.event) {
      case 'snapshot': {
        const snapshot = JSON.parse(message.data) as Snapshot;
        this.#fleet = merge(null, snapshot);
        this.#tell({ kind: 'snapshot', snapshot });
        break;
      }
      case 'change': {
        const change = JSON.parse(message.data) as Change;
        if (!this.#fleet) return;
        this.#fleet = merge(this.#fleet, change);
        this.#tell({ kind: 'change', change });
        break;
      }
      case 'events':
        this.#tell({ kind: 'events', events: JSON.parse(message.data) as EventEntry[] });
        break;
    }
  }

  #heard(): void {
    const now = Date.now();
    if (now - this.#lastAlive < ALIVE_EACH_MS) return;
    this.#lastAlive = now;
    this.#tell({ kind: 'alive' });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
