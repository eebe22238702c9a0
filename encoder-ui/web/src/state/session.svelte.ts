// Who looks, and what they may do.

import { RequestError, getJson, onLoggedOut, onRoleRefused, send } from '../api/http';
import type { Me } from '../api/types';
import { fleet } from './fleet.svelte';
import { router } from './router.svelte';

class Session {
  /** With `wanted`: whose form waits, as it was typed, for the same user to log in again. */
  me: Me | null = $state.raw(null);
  /** A login is wanted. */
  wanted = $state(false);
  /** The page that waits with it. */
  waitsAt: string | null = $state(null);
  error: RequestError | null = $state.raw(null);

  get admin(): boolean {
    return this.me?.role === 'admin';
  }

  async start(): Promise<void> {
    onLoggedOut(() => this.#ended());
    onRoleRefused(() => void this.#learn());
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

  /** Called once what was typed may be lost. */
  async logout(): Promise<void> {
    await send('/api/logout', { method: 'POST' });
    router.release();
    this.#ended();
    // The other tabs of this browser learn it by the end of their stream.
    fleet.restart();
  }

  /** The role may be another by now: the page must not go on offering what is refused. */
  async #learn(): Promise<void> {
    try {
      this.me = await getJson<Me>('/api/me');
    } catch {
      // Without an answer the page stays as it is; what it offers is refused all the same.
    }
  }

  #ended(): void {
    this.waitsAt = router.typed ? router.path : null;
    if (this.waitsAt === null) this.me = null;
    this.wanted = true;
    fleet.clear();
  }
}

export const session = new Session();
