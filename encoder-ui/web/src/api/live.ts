// The page's end of the live connection, wherever that runs.

import { Connection, type News } from './connection';
import type { TabMessage } from './live.worker';

const HELLO_EACH_MS = 5000;

export interface Live {
  /** After a login: asks anew. */
  restart(): void;
}

export function listen(take: (news: News) => void): Live {
  return typeof SharedWorker === 'undefined' ? listenHere(take) : listenShared(take);
}

function listenHere(take: (news: News) => void): Live {
  const connection = new Connection(take);
  connection.start();
  return {
    restart() {
      connection.stop();
      connection.start();
    },
  };
}

function listenShared(take: (news: News) => void): Live {
  const worker = new SharedWorker(new URL('./live.worker.ts', import.meta.url), {
    type: 'module',
    name: 'encoder-live',
  });
  const say = (message: TabMessage) => worker.port.postMessage(message);
  worker.port.onmessage = (message: MessageEvent<News>) => take(message.data);
  worker.port.start();
  say('hello');
  setInterval(() => say('hello'), HELLO_EACH_MS);
  addEventListener('pagehide', () => say('bye'));
  // A page that comes back from the back/forward cache says hello again and gets a snapshot.
  addEventListener('pageshow', (event) => event.persisted && say('hello'));
  return { restart: () => say('restart') };
}
