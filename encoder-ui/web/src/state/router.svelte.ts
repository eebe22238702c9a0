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

/** What had the focus may be gone with the page before: the keyboard goes on in the new one. */
function focusPage(): void {
  if (document.activeElement && document.activeElement !== document.body) return;
  document.querySelector<HTMLElement>('main')?.focus({ preventScroll: true });
}

class Router {
  path = $state('/');
  query = $state.raw(new URLSearchParams());
  page: Page = $derived(pageOf(this.path));
  /** Set by a form that holds what was typed: asked before it is left. */
  guard: (() => boolean) | null = null;

  start(): void {
    this.#read();
    addEventListener('popstate', (event) => {
      this.#read();
      this.#scrollBack((event.state as { y?: number } | null)?.y ?? 0);
    });
    addEventListener('beforeunload', (event) => {
      if (this.guard && !this.guard()) event.preventDefault();
    });
    document.addEventListener('click', (event) => this.#click(event));
  }

  go(href: string): void {
    if (this.guard && !this.guard() && !confirm(speech.words.edit.leave)) return;
    // Where one was, for the way back.
    history.replaceState({ y: scrollY }, '');
    history.pushState(null, '', href);
    this.#read();
    scrollTo(0, 0);
    requestAnimationFrame(focusPage);
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
    history.replaceState(null, '', text ? `${location.pathname}?${text}` : location.pathname);
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
