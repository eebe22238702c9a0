// What the wall shows, in which order, by the filters in the address. Pure.

import type { Channel } from '../api/types';
import { HEALTHS, isIll, rank, type Health } from './health';

export const SORTS = ['health', 'name', 'number', 'bitrate', 'viewers'] as const;
export type Sort = (typeof SORTS)[number];

export interface Filter {
  text: string;
  /** `ill` or one state; empty: all. */
  state: Health | 'ill' | '';
  ingest: string;
  group: string;
  sort: Sort;
  /** Renditions and on-demand channels too. */
  all: boolean;
}

/** What the wall needs to know of a channel. */
export interface Shown {
  readonly key: string;
  readonly ingest: string;
  readonly id: string;
  readonly channel: Channel;
  readonly health: Health;
}

export function filterOf(query: URLSearchParams): Filter {
  const state = query.get('state') ?? '';
  const sort = query.get('sort') ?? '';
  return {
    text: query.get('q') ?? '',
    state:
      state === 'ill' || (HEALTHS as readonly string[]).includes(state) ? (state as Filter['state']) : '',
    ingest: query.get('ingest') ?? '',
    group: query.get('group') ?? '',
    sort: (SORTS as readonly string[]).includes(sort) ? (sort as Sort) : 'health',
    all: query.get('all') === '1',
  };
}

/** What is as usual is not written into the address. */
export function queryOf(filter: Filter): URLSearchParams {
  const query = new URLSearchParams();
  if (filter.text) query.set('q', filter.text);
  if (filter.state) query.set('state', filter.state);
  if (filter.ingest) query.set('ingest', filter.ingest);
  if (filter.group) query.set('group', filter.group);
  if (filter.sort !== 'health') query.set('sort', filter.sort);
  if (filter.all) query.set('all', '1');
  return query;
}

export function isFiltered(filter: Filter): boolean {
  return Boolean(filter.text || filter.state || filter.ingest || filter.group);
}

/** Channels that people made; those that machines made belong to them. */
export function isMain(channel: Channel): boolean {
  return channel.origin === 'declared' || channel.origin === 'operator';
}

export function matches(shown: Shown, filter: Filter): boolean {
  const { channel, health } = shown;
  if (!filter.all && !isMain(channel)) return false;
  if (filter.state === 'ill' ? !isIll(health) : filter.state && filter.state !== health) return false;
  if (filter.ingest && filter.ingest !== shown.ingest) return false;
  if (filter.group && filter.group !== channel.group) return false;
  if (!filter.text) return true;
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const labels = Object.entries(channel.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const inputs = channel.inputs.map((input) => `${input.url} ${input.interface ?? ''}`);
  const { name, id, group = '', number = '' } = channel;
  const text = [name, id, group, number, shown.ingest, ...inputs, ...labels].join(' ').toLowerCase();
  return words.every((word) => text.includes(word));
}

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

function compareNames(a: Shown, b: Shown): number {
  return byName.compare(a.channel.name, b.channel.name) || byName.compare(a.key, b.key);
}

/** Acknowledged faults stand behind those that nobody has seen. */
function urgency(one: Shown): number {
  const seen = isIll(one.health) && one.channel.status.acknowledged ? 0.5 : 0;
  return rank(one.health) + seen;
}

export function compare(a: Shown, b: Shown, sort: Sort): number {
  switch (sort) {
    case 'health':
      return urgency(a) - urgency(b) || compareNames(a, b);
    case 'name':
      return compareNames(a, b);
    case 'number':
      return (a.channel.number ?? Infinity) - (b.channel.number ?? Infinity) || compareNames(a, b);
    case 'bitrate':
      return b.channel.status.bitrate_bps - a.channel.status.bitrate_bps || compareNames(a, b);
    case 'viewers':
      return b.channel.status.viewers - a.channel.status.viewers || compareNames(a, b);
  }
}

/** Cards of one id on several ingests stand together, at the place of the first of them. */
export interface Group<T extends Shown> {
  id: string;
  members: T[];
}

export function grouped<T extends Shown>(sorted: T[]): Group<T>[] {
  const groups = new Map<string, Group<T>>();
  for (const one of sorted) {
    const group = groups.get(one.id);
    if (group) group.members.push(one);
    else groups.set(one.id, { id: one.id, members: [one] });
  }
  return [...groups.values()];
}

export interface Counts {
  all: number;
  ill: number;
  viewers: number;
  bitrate: number;
  byHealth: Record<Health, number>;
}

export function countsOf(channels: Iterable<Shown>): Counts {
  const byHealth = Object.fromEntries(HEALTHS.map((health) => [health, 0])) as Record<Health, number>;
  const counts: Counts = { all: 0, ill: 0, viewers: 0, bitrate: 0, byHealth };
  for (const { channel, health } of channels) {
    counts.all += 1;
    byHealth[health] += 1;
    if (isIll(health)) counts.ill += 1;
    if (health === 'unknown' || health === 'disabled') continue;
    counts.viewers += channel.status.viewers;
    counts.bitrate += channel.status.bitrate_bps;
  }
  return counts;
}

/** `h264 1280x720 25p · aac`: what a channel carries, in a few words. */
export function contentOf(channel: Channel): string {
  const streams = channel.status.services.flatMap((service) => service.streams);
  const video = streams.find((stream) => isVideo(stream.type));
  const audio = streams.find((stream) => isAudio(stream.type));
  const words = [video && `${video.type} ${video.detail}`.trim(), audio?.type];
  return words.filter(Boolean).join(' · ');
}

export function isVideo(kind: string): boolean {
  return /^(h26\d|hevc|avc|mpeg[124]?video|mpeg4|vc1|avs|vp9|av1|vvc)/.test(kind);
}

export function isAudio(kind: string): boolean {
  return /^(aac|mp[123]|e?ac3|ac4|opus|dts|mpeg\daudio|lpcm|truehd)/.test(kind);
}
