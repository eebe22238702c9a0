// One connection for all tabs of this browser. A tab says `hello` each few seconds and `bye` when it
// closes; with nobody left the connection ends.

import { Connection } from './connection';

export type TabMessage = 'hello' | 'bye' | 'restart';

/** Browsers let the timers of hidden tabs run once a minute. */
const FORGOTTEN_AFTER_MS = 150_000;

const scope = globalThis as unknown as { onconnect: (event: MessageEvent) => void };
const tabs = new Map<MessagePort, number>();

const connection = new Connection((news) => {
  for (const tab of tabs.keys()) tab.postMessage(news);
});

setInterval(() => {
  const now = Date.now();
  for (const [tab, seen] of tabs) if (now - seen > FORGOTTEN_AFTER_MS) forget(tab);
}, FORGOTTEN_AFTER_MS / 5);

scope.onconnect = (event) => {
  const tab = event.ports[0];
  if (!tab) return;
  tab.onmessage = (message: MessageEvent<TabMessage>) => {
    if (message.data === 'bye') {
      forget(tab);
      return;
    }
    if (message.data === 'restart') connection.stop();
    const isNew = !tabs.has(tab);
    tabs.set(tab, Date.now());
    const snapshot = connection.snapshot;
    if (isNew && snapshot) tab.postMessage({ kind: 'snapshot', snapshot });
    connection.start();
  };
};

function forget(tab: MessagePort): void {
  tabs.delete(tab);
  tab.close();
  if (tabs.size === 0) connection.stop();
}
