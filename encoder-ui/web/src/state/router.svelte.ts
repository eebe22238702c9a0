// Which page: read from the address, so that every view can be linked to and gone back to.

import { speech } from '../i18n/index.svelte';

export type Page =
  | { name: 'wall' }
  | { name: 'channel'; ingest: string; id: string }
  | { name: 'edit'; ingest: string; id: string }
  | { name: 'new' }
  | { name: 'import' }
  | { name: 'nodes' }
  | { name: 'interfaces' }
  | { name: 'events' }
  | { name: 'about' }
  | { name: 'login' }
  | { name: 'missing' };

export function pageOf(path: string): Page {
  const parts = path.split('/').filter(Boolean).map(decode);
  const [first, ingest, id] = parts;
  if (parts.length === 0) return { name: 'wall' };
  if (parts.length === 3 && ingest && id && (first === 'channels' || first === 'edit')) {
    return { name: first === 'edit' ? 'edit' : 'channel', ingest, id };
  }
  if (parts.length === 1) {
    switch (first) {
      case 'new':
      case 'import':
      case 'nodes':
      case 'interfaces':
      case 'events':
      case 'about':
      case 'login':
        return { name: first };
    }
  }
  return { name: 'missing' };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function channelHref(ingest: string, id: string): string {
  return `/channels/${encodeURIComponent(ingest)}/${encodeURIComponent(id)}`;
}

export function editHref(ingest: string, id: string): string {
  return `/edit/${encodeURIComponent(ingest)}/${encodeURIComponent(id)}`;
}

/** Then one is no longer where one was, and may scroll by hand. */
const SCROLL_FRAMES_MAX = 60;

/** True: nothing is lost. */
type Guard = () => boolean;

/** What the history keeps of a page: its place in it, and how far it was scrolled. */
interface Step {
  at?: number;
  y?: number;
}

function stepOf(state: unknown): Step {
  return (state as Step | null) ?? {};
}

/** What had the focus may be gone with the page before: the keyboard goes on in the new one. */
function focusPage(): void {
  if (document.activeElement && document.activeElement !== document.body) return;
  document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
}

class Router {
  path = $state('/');
  query = $state.raw(new URLSearchParams());
  page: Page = $derived(pageOf(this.path));
  #guard: Guard | null = null;
  /** The place in the history of what is shown: tells how far a step went that is taken back. */
  #at = 0;

  start(): void {
    this.#at = stepOf(history.state).at ?? 0;
    history.replaceState({ ...stepOf(history.state), at: this.#at }, '');
    this.#read();
    addEventListener('popstate', (event) => this.#stepped(stepOf(event.state)));
    addEventListener('beforeunload', (event) => {
      if (this.typed) event.preventDefault();
    });
    document.addEventListener('click', (event) => this.#click(event));
  }

  /** A form asks to be left only when it is clean; what is returned takes that back. */
  hold(clean: Guard): () => void {
    this.#guard = clean;
    // The form that came after it may have asked by now.
    return () => {
      if (this.#guard === clean) this.#guard = null;
    };
  }

  /** What was typed is saved, or may be lost. */
  release(): void {
    this.#guard = null;
  }

  /** The page holds what was typed and is saved nowhere. */
  get typed(): boolean {
    return this.#guard !== null && !this.#guard();
  }

  /** Asks where something would be lost. */
  mayLeave(): boolean {
    return !this.typed || confirm(speech.words.edit.leave);
  }

  go(href: string): void {
    if (!this.mayLeave()) return;
    // Where one was, for the way back.
    history.replaceState({ y: scrollY, at: this.#at }, '');
    this.#at += 1;
    history.pushState({ at: this.#at }, '', href);
    this.#read();
    scrollTo(0, 0);
    requestAnimationFrame(focusPage);
  }

  /** Back or forward: the browser has gone already, and goes back again where one would rather stay. */
  #stepped({ at, y = 0 }: Step): void {
    if (at === this.#at) return;
    if (at === undefined) {
      // To a place within this page: a step that the browser made itself.
      this.#at += 1;
      history.replaceState({ at: this.#at }, '');
      return;
    }
    if (location.pathname !== this.path && !this.mayLeave()) {
      history.go(this.#at - at);
      return;
    }
    this.#at = at;
    this.#read();
    this.#scrollBack(y);
  }

  /** A page of many cards takes some frames to be as long as it was. */
  #scrollBack(y: number): void {
    let frames = 0;
    const step = () => {
      scrollTo(0, y);
      frames += 1;
      if (Math.abs(scrollY - y) > 1 && frames < SCROLL_FRAMES_MAX) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  /** Keeps a view's settings in the address without a step in the history. */
  replaceQuery(query: URLSearchParams): void {
    const text = query.toString();
    history.replaceState({ at: this.#at }, '', text ? `${location.pathname}?${text}` : location.pathname);
    this.query = query;
  }

  #read(): void {
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    // What is not a page of ours is the server's.
    if (pageOf(link.pathname).name === 'missing' || link.hash) return;
    event.preventDefault();
    if (link.href !== location.href) this.go(link.pathname + link.search);
  }
}

export const router = new Router();
