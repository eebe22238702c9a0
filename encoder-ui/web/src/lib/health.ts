// How well a channel is, in the one word that the page shows. Pure.

import type { Channel, Ingest } from '../api/types';

/** In the order of urgency: what an operator must see first stands first. */
export const HEALTHS = ['stopped', 'waiting', 'degraded', 'unknown', 'receiving', 'disabled'] as const;
export type Health = (typeof HEALTHS)[number];

/** Each ingest is asked once a second. */
const OLD_AFTER_MS = 5000;

/** What is shown of an ingest is no longer how it is: it is away, or is here and answers nothing. */
export function isOld(ingest: Pick<Ingest, 'state' | 'seen_at'>, now: number): boolean {
  if (ingest.state !== 'here') return true;
  return ingest.seen_at !== null && now - Date.parse(ingest.seen_at) > OLD_AFTER_MS;
}

/** `unknown`: what is shown is old. */
export function stateOf(channel: Channel, old: boolean): Health {
  if (!channel.enabled) return 'disabled';
  if (old) return 'unknown';
  return channel.status.state;
}

export function isIll(health: Health): boolean {
  return health === 'stopped' || health === 'waiting' || health === 'degraded';
}

export function rank(health: Health): number {
  return HEALTHS.indexOf(health);
}

/** What the title counts: ill channels of ingests that answer, and each ingest that does not. */
export function countIll(healths: Iterable<Health>, oldIngests: number): number {
  let count = oldIngests;
  for (const health of healths) if (isIll(health)) count += 1;
  return count;
}
