// mpegts.js in a worker, over a WebSocket of this server. It is fetched when the first preview starts.

import type Mpegts from 'mpegts.js';

export type PlayerEnd = 'missing' | 'away' | 'no_data' | 'too_many' | 'failed' | 'unsupported' | 'logged_out';

export interface PlayerOptions {
  video: HTMLVideoElement;
  ingest: string;
  id: string;
  sound: boolean;
  /** Aborted before the player is there: none is made. */
  signal: AbortSignal;
  ended: (why: PlayerEnd) => void;
}

/** What the server closes a preview with. */
const CLOSE_CODES: Record<number, PlayerEnd> = {
  4404: 'missing',
  4503: 'away',
  4504: 'no_data',
  4429: 'too_many',
  4401: 'logged_out',
};

export async function play(options: PlayerOptions): Promise<void> {
  const module = await import('mpegts.js');
  if (options.signal.aborted) return;
  const mpegts: typeof Mpegts = module.default;
  if (!mpegts.isSupported()) {
    options.ended('unsupported');
    return;
  }
  mpegts.LoggingControl.enableAll = false;
  const url = previewUrl(options.ingest, options.id);
  const player = mpegts.createPlayer(
    { type: 'mpegts', isLive: true, url, hasVideo: true, hasAudio: options.sound },
    {
      enableWorker: true,
      enableStashBuffer: false,
      liveSync: true,
      liveSyncMaxLatency: 1.6,
      liveSyncTargetLatency: 0.6,
      liveSyncPlaybackRate: 1.1,
      autoCleanupSourceBuffer: true,
      autoCleanupMaxBackwardDuration: 20,
      autoCleanupMinBackwardDuration: 8,
    },
  );
  let stopped = false;
  const stop = () => {
    if (stopped) return;
    stopped = true;
    player.destroy();
  };
  options.signal.addEventListener('abort', stop);
  let over = false;
  const end = () => {
    if (over || stopped) return;
    over = true;
    // The player goes on in the call that said so, and must find itself whole.
    queueMicrotask(stop);
    void closeReason(url).then(options.ended);
  };
  player.on(mpegts.Events.ERROR, end);
  player.on(mpegts.Events.LOADING_COMPLETE, end);
  player.attachMediaElement(options.video);
  player.load();
  // A browser that wants a click first leaves the picture standing; the button says "play".
  void Promise.resolve(player.play()).catch(() => {});
}

function previewUrl(ingest: string, id: string): string {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${location.host}/api/ingests/${encodeURIComponent(ingest)}/preview/${encodeURIComponent(id)}`;
}

/** The player hides why its socket was closed: one that is opened to ask is told. */
function closeReason(url: string): Promise<PlayerEnd> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    const timer = setTimeout(() => done('failed'), 12_000);
    const done = (why: PlayerEnd) => {
      clearTimeout(timer);
      socket.close();
      resolve(why);
    };
    socket.onmessage = () => done('failed');
    socket.onclose = (event) => done(CLOSE_CODES[event.code] ?? 'failed');
  });
}
