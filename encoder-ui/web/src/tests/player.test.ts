// The preview's player, against a library of which only the manners matter.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { play, type PlayerEnd } from '../lib/player';

type Listener = () => void;

const { made } = vi.hoisted(() => ({ made: [] as Library[] }));

/** As mpegts.js: what an event's listeners leave behind is used again, in the same call. */
class Library {
  readonly #listeners = new Map<string, Listener[]>();
  #inside: object | null = {};
  constructor() {
    made.push(this);
  }
  get destroyed() {
    return this.#inside === null;
  }
  on(event: string, listener: Listener) {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }
  attachMediaElement() {}
  load() {}
  play() {
    return Promise.resolve();
  }
  destroy() {
    if (!this.#inside) throw new Error('destroyed twice');
    this.#inside = null;
  }
  fail() {
    for (const listener of this.#listeners.get('error') ?? []) listener();
    if (!this.#inside) throw new Error('destroyed in the middle of its own call');
  }
}

vi.mock('mpegts.js', () => ({
  default: {
    isSupported: () => true,
    createPlayer: () => new Library(),
    Events: { ERROR: 'error', LOADING_COMPLETE: 'complete' },
    LoggingControl: {},
  },
}));

/** A server that closes each socket with this code. */
const CLOSED_WITH = 4504;

class Socket {
  onclose: ((event: { code: number }) => void) | null = null;
  constructor() {
    queueMicrotask(() => this.onclose?.({ code: CLOSED_WITH }));
  }
  close() {}
}

describe('the player of a preview', () => {
  let stop: AbortController;
  let ends: PlayerEnd[];
  const start = () =>
    play({
      video: {} as HTMLVideoElement,
      ingest: 'near',
      id: 'film',
      sound: true,
      signal: stop.signal,
      ended: (why) => ends.push(why),
    });

  beforeEach(() => {
    made.length = 0;
    stop = new AbortController();
    ends = [];
    vi.stubGlobal('location', { protocol: 'http:', host: 'here' });
    vi.stubGlobal('WebSocket', Socket);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it('ends after the call in which it failed, and says why once', async () => {
    await start();
    made[0]?.fail();
    made[0]?.fail();
    await vi.waitFor(() => expect(ends).toEqual(['no_data']));
    expect(made[0]?.destroyed).toBe(true);
    stop.abort();
    expect(made).toHaveLength(1);
  });

  it('ends at once when it is told to: the picture is free for another', async () => {
    await start();
    stop.abort();
    expect(made[0]?.destroyed).toBe(true);
    expect(ends).toEqual([]);
  });

  it('is not made when it was told to end before the library was there', async () => {
    const starting = start();
    stop.abort();
    await starting;
    expect(made).toHaveLength(0);
  });
});
