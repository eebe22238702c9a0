// Who looks, and what they may do.

import { RequestError, getJson, onLoggedOut, send } from '../api/http';
import type { Me } from '../api/types';
import { fleet } from './fleet.svelte';

class Session {
  me: Me | null = $state.raw(null);
  /** A login is wanted. */
  wanted = $state(false);
  error: RequestError | null = $state.raw(null);

  get admin(): boolean {
    return this.me?.role === 'admin';
  }

  async start(): Promise<void> {
    onLoggedOut(() => this.#ended());
    this.error = null;
    // Beside the question who asks: without a login it is refused as well.
    fleet.start();
    try {
      this.me = await getJson<Me>('/api/me');
      this.wanted = false;
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      if (error.status === 401) this.#ended();
      else this.error = error;
    }
  }

  async login(name: string, password: string): Promise<void> {
    await send('/api/login', { method: 'POST', json: { name, password } });
    this.me = await getJson<Me>('/api/me');
    this.wanted = false;
    fleet.start();
    fleet.restart();
  }

  async logout(): Promise<void> {
    await send('/api/logout', { method: 'POST' });
    this.#ended();
    // The other tabs of this browser learn it by the end of their stream.
    fleet.restart();
  }

  #ended(): void {
    this.me = null;
    this.wanted = true;
    fleet.clear();
  }
}

export const session = new Session();
