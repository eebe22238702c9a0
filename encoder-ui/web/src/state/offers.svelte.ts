// What each ingest can do. Its description is fetched once for each start of it, when a page needs it.

import { SvelteMap } from 'svelte/reactivity';
import { RequestError, getJson, ingestPath } from '../api/http';
import type { Ingest } from '../api/types';
import { OPERATIONS, operationsOf, type Operation } from '../lib/offers';

class Offers {
  #known = new SvelteMap<string, ReadonlySet<string>>();
  /** The start of each ingest that was asked. */
  #asked = new Map<string, string>();

  /** Called from an effect: again whenever the ingest is here anew. */
  learn(ingest: Ingest): void {
    const start = `${ingest.status?.started ?? ''} ${ingest.status?.version ?? ''}`;
    if (ingest.state !== 'here' || this.#asked.get(ingest.name) === start) return;
    this.#asked.set(ingest.name, start);
    void this.#fetch(ingest.name);
  }

  /** False until it is known. */
  has(ingest: string, operation: Operation): boolean {
    return this.#known.get(ingest)?.has(OPERATIONS[operation]) ?? false;
  }

  async #fetch(ingest: string): Promise<void> {
    try {
      this.#known.set(ingest, operationsOf(await getJson(ingestPath(ingest, 'openapi.json'))));
    } catch (error) {
      // An ingest without a description offers nothing more; one that did not answer is asked again.
      if (error instanceof RequestError && error.status === 404) this.#known.set(ingest, new Set());
      else this.#asked.delete(ingest);
    }
  }
}

export const offers = new Offers();
