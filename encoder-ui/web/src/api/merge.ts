// What is known of all ingests, and how news change it. Pure.

import type { Change, Channel, Ingest, Snapshot } from './types';

export interface Known {
  ingest: Ingest;
  channels: Map<string, Channel>;
}

export interface Fleet {
  time: string;
  ingests: Map<string, Known>;
}

/** A snapshot replaces everything; a change is laid over what is known, which is altered. */
export function merge(fleet: Fleet | null, news: Snapshot | Change): Fleet {
  if (isSnapshot(news)) return fromSnapshot(news);
  const merged = fleet ?? { time: news.time, ingests: new Map<string, Known>() };
  merged.time = news.time;
  for (const ingest of news.ingests) {
    const known = merged.ingests.get(ingest.name);
    if (known) known.ingest = ingest;
    else merged.ingests.set(ingest.name, { ingest, channels: new Map() });
  }
  for (const { ingest, id } of news.removed_channels) merged.ingests.get(ingest)?.channels.delete(id);
  for (const { ingest, channel } of news.channels) {
    // Of an ingest that was never told there is nothing to show.
    merged.ingests.get(ingest)?.channels.set(channel.id, channel);
  }
  for (const name of news.removed_ingests) merged.ingests.delete(name);
  return merged;
}

function isSnapshot(news: Snapshot | Change): news is Snapshot {
  return !('removed_ingests' in news);
}

function fromSnapshot(snapshot: Snapshot): Fleet {
  const ingests = new Map<string, Known>();
  for (const { channels, ...ingest } of snapshot.ingests) {
    ingests.set(ingest.name, { ingest, channels: new Map(channels.map((one) => [one.id, one])) });
  }
  return { time: snapshot.time, ingests };
}
