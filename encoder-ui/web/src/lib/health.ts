// How well a channel is, in the one word that the page shows. Pure.

import type { Channel, Ingest } from '../api/types';

/** In the order of urgency: what an operator must see first stands first. */
export const HEALTHS = ['stopped', 'waiting', 'degraded', 'unknown', 'receiving', 'disabled'] as const;
export type Health = (typeof HEALTHS)[number];

/** `unknown`: its ingest is away, what is shown is old. */
export function stateOf(channel: Channel, away: boolean): Health {
  if (!channel.enabled) return 'disabled';
  if (away) return 'unknown';
  return channel.status.state;
}

export function isIll(health: Health): boolean {
  return health === 'stopped' || health === 'waiting' || health === 'degraded';
}

export function rank(health: Health): number {
  return HEALTHS.indexOf(health);
}

/** What the title counts: ill channels of ingests that answer, and each ingest that does not. */
export function countIll(healths: Iterable<Health>, ingests: Iterable<Ingest>): number {
  let count = 0;
  for (const health of healths) if (isIll(health)) count += 1;
  for (const ingest of ingests) if (ingest.state !== 'here') count += 1;
  return count;
}
