// All that is shown live: ingests and channels, each channel in a cell of its own, so that a change
// draws one card anew and not the wall. News are gathered and laid on once a frame.

import { SvelteMap } from 'svelte/reactivity';
import type { News } from '../api/connection';
import { listen, type Live } from '../api/live';
import { merge, type Fleet } from '../api/merge';
import type { Change, Channel, EventEntry, Ingest, Snapshot } from '../api/types';
import { isOld, stateOf, type Health } from '../lib/health';
import { History } from '../lib/history';

/** Events kept in memory by the page; the ingests keep the last thousand each. */
const EVENTS_MAX = 2000;

/** Clocks that differ by less are the same. */
const CLOCK_SLACK_MS = 2000;

export class ChannelCell {
  readonly key: string;
  readonly ingest: string;
  readonly id: string;
  readonly history = new History();
  channel: Channel = $state.raw() as Channel;
  /** Of the ingest: it is not `here`. */
  away = $state(false);
  /** What is shown is not how it is now. */
  old = $state(false);
  health: Health = $derived(stateOf(this.channel, this.old));

  constructor(ingest: string, channel: Channel) {
    this.ingest = ingest;
    this.id = channel.id;
    this.key = `${ingest}/${channel.id}`;
    this.channel = channel;
  }
}

export type LinkState = 'connecting' | 'live' | 'lost';

class FleetState {
  ingests: Ingest[] = $state.raw([]);
  /** Names of the ingests of which nothing new is known. */
  old: ReadonlySet<string> = $state.raw(new Set<string>());
  cells: ChannelCell[] = $state.raw([]);
  link: LinkState = $state('connecting');
  /** When the server was last heard, in milliseconds since the epoch. */
  heardAt: number | null = $state(null);
  /** Counts seconds; what shows ages and lines follows it. */
  tick = $state(0);
  now = $state(Date.now());
  /** Oldest first. */
  events: EventEntry[] = $state.raw([]);
  /** The stream was refused for want of a login, and nothing came since. */
  loggedOut = $state(false);

  #fleet: Fleet | null = null;
  #byKey = new SvelteMap<string, ChannelCell>();
  #waiting: (Snapshot | Change)[] = [];
  #scheduled = false;
  #live: Live | null = null;
  /** What the server's clock is ahead of this machine's. */
  #ahead = 0;
  /** By this machine's clock: when news came last, and when anything did. */
  #toldAt = 0;
  #aliveAt = 0;

  start(): void {
    if (this.#live) return;
    this.#live = listen((news) => this.#take(news));
    setInterval(() => this.#second(), 1000);
  }

  restart(): void {
    this.link = 'connecting';
    this.#live?.restart();
  }

  /** Nothing of one user is left for the next. */
  clear(): void {
    this.#fleet = null;
    this.#byKey.clear();
    this.#waiting = [];
    this.ingests = [];
    this.old = new Set();
    this.cells = [];
    this.events = [];
    this.heardAt = null;
    this.link = 'connecting';
  }

  cell(ingest: string, id: string): ChannelCell | undefined {
    return this.#byKey.get(`${ingest}/${id}`);
  }

  ingest(name: string): Ingest | undefined {
    return this.ingests.find((one) => one.name === name);
  }

  #take(news: News): void {
    switch (news.kind) {
      case 'snapshot':
        this.#waiting = [news.snapshot];
        this.#schedule();
        break;
      case 'change':
        this.#setClock(Date.parse(news.change.time));
        this.#waiting.push(news.change);
        this.#schedule();
        break;
      case 'events':
        this.events = [...this.events, ...news.events].slice(-EVENTS_MAX);
        break;
      case 'lost':
        this.link = 'lost';
        return;
      case 'login':
        this.loggedOut = true;
        if (this.link === 'live') this.link = 'lost';
        return;
    }
    this.loggedOut = false;
    this.#aliveAt = Date.now();
    if (news.kind === 'snapshot' || news.kind === 'change') this.#toldAt = this.#aliveAt;
    this.heardAt = this.#clock();
    if (this.link !== 'live' && (this.#fleet || this.#waiting.length > 0)) this.link = 'live';
  }

  /** Ages are told by the programs' clock: this machine's may be wrong by minutes. */
  #clock(): number {
    return Date.now() + this.#ahead;
  }

  /** A change comes as soon as it is made; a snapshot may have been made long ago. */
  #setClock(time: number): void {
    const ahead = time - Date.now();
    if (Number.isNaN(ahead)) return;
    // Less than that is the way here, and a second's rounding.
    this.#ahead = Math.abs(ahead) < CLOCK_SLACK_MS ? 0 : ahead;
    this.now = this.#clock();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const work = () => {
      this.#scheduled = false;
      this.#apply();
    };
    // Hidden pages get no frames, but go on counting ill channels in their title.
    if (document.hidden) setTimeout(work, 250);
    else requestAnimationFrame(work);
  }

  #apply(): void {
    const news = this.#waiting;
    this.#waiting = [];
    for (const one of news) this.#fleet = merge(this.#fleet, one);
    if (this.#fleet) this.#show(this.#fleet);
  }

  #show(fleet: Fleet): void {
    const ingests = [...fleet.ingests.values()].map((known) => known.ingest);
    ingests.sort((a, b) => a.name.localeCompare(b.name));
    this.ingests = ingests;
    this.#judgeAge(fleet);
    const seen = new Set<string>();
    let changed = false;
    for (const { ingest, channels } of fleet.ingests.values()) {
      const away = ingest.state !== 'here';
      const old = this.old.has(ingest.name);
      for (const channel of channels.values()) {
        const key = `${ingest.name}/${channel.id}`;
        seen.add(key);
        let cell = this.#byKey.get(key);
        if (!cell) {
          cell = new ChannelCell(ingest.name, channel);
          this.#byKey.set(key, cell);
          changed = true;
        }
        if (cell.channel !== channel) cell.channel = channel;
        if (cell.away !== away) cell.away = away;
        if (cell.old !== old) cell.old = old;
      }
    }
    for (const key of this.#byKey.keys()) {
      if (seen.has(key)) continue;
      this.#byKey.delete(key);
      changed = true;
    }
    if (changed) this.cells = [...this.#byKey.values()];
  }

  /**
   * By the moment at which the server was last heard, not by now: what it said since may lie here
   * unread, or this machine may have slept.
   */
  #judgeAge(fleet: Fleet): void {
    const at = Date.parse(fleet.time) + this.#aliveAt - this.#toldAt;
    const old = this.ingests.filter((one) => isOld(one, at)).map((one) => one.name);
    if (old.length !== this.old.size || !old.every((name) => this.old.has(name))) this.old = new Set(old);
  }

  #second(): void {
    this.now = this.#clock();
    if (this.#fleet && this.#waiting.length === 0 && this.link === 'live') {
      this.#judgeAge(this.#fleet);
      for (const cell of this.cells) {
        const old = this.old.has(cell.ingest);
        if (cell.old !== old) cell.old = old;
      }
    }
    const fresh = this.link === 'live';
    for (const cell of this.cells) cell.history.sample(this.now, cell.channel, fresh && !cell.old);
    this.tick += 1;
  }
}

export const fleet = new FleetState();
