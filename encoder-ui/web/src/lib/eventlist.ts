// The list of events: merged, filtered, exported. Pure.

import type { EventEntry } from '../api/types';

export interface EventFilter {
  text: string;
  ingest: string;
  kind: string;
  /** Milliseconds since the epoch; 0: all. */
  since: number;
  people: boolean;
}

/** Newest first, none twice: events come by the list and by the stream. */
export function mergeEvents(...lists: EventEntry[][]): EventEntry[] {
  const byId = new Map<string, EventEntry>();
  for (const entry of lists.flat()) byId.set(`${entry.ingest} ${entry.event.id}`, entry);
  return [...byId.values()].sort(
    (a, b) => b.event.time.localeCompare(a.event.time) || compareIds(b.event.id, a.event.id),
  );
}

function compareIds(a: string, b: string): number {
  return Number(a.split('-')[1] ?? 0) - Number(b.split('-')[1] ?? 0);
}

/** `say`: the words of an event as they are read, in whatever language. */
export function filterEvents(
  entries: EventEntry[],
  filter: EventFilter,
  say: (entry: EventEntry) => string = () => '',
): EventEntry[] {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  return entries.filter((entry) => {
    const { ingest, event } = entry;
    if (filter.ingest && filter.ingest !== ingest) return false;
    if (filter.kind && filter.kind !== event.kind) return false;
    if (filter.people && !event.actor) return false;
    if (filter.since && Date.parse(event.time) < filter.since) return false;
    if (words.length === 0) return true;
    const { channel = '', actor = '', address = '', detail, kind, reason = '' } = event;
    const text = [ingest, channel, actor, address, detail, kind, reason, say(entry)].join(' ').toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const COLUMNS = ['time', 'ingest', 'kind', 'channel', 'reason', 'actor', 'address', 'detail'] as const;

/** RFC 4180. What a spreadsheet would take for a formula is kept a text. */
export function csvOf(entries: EventEntry[]): string {
  const cell = (value: string) => {
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = entries.map(({ ingest, event }) =>
    COLUMNS.map((column) => cell(column === 'ingest' ? ingest : (event[column] ?? ''))).join(','),
  );
  return [COLUMNS.join(','), ...lines, ''].join('\r\n');
}
