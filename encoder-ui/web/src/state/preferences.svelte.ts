// What this browser's user prefers, kept in the browser.

import type { Language, Zone } from '../lib/format';

export type Theme = 'system' | 'dark' | 'light';

const KEY = 'encoder-ui';

interface Kept {
  language?: Language;
  theme?: Theme;
  zone?: Zone;
  sound?: boolean;
}

class Preferences {
  language: Language = $state('en');
  theme: Theme = $state('system');
  zone: Zone = $state('local');
  sound = $state(false);

  constructor() {
    const kept = read();
    this.language = kept.language ?? languageOfBrowser(navigator.languages);
    this.theme = kept.theme ?? 'system';
    this.zone = kept.zone ?? 'local';
    this.sound = kept.sound ?? false;
  }

  set(change: Kept): void {
    Object.assign(this, change);
    try {
      localStorage.setItem(KEY, JSON.stringify({ ...read(), ...change }));
    } catch {
      // Storage is off: the choice holds as long as the page.
    }
  }
}

/** The first that is spoken here; else English. */
export function languageOfBrowser(languages: readonly string[]): Language {
  for (const language of languages) {
    if (/^zh\b/i.test(language)) return 'zh';
    if (/^en\b/i.test(language)) return 'en';
  }
  return 'en';
}

function read(): Kept {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return kept && typeof kept === 'object' ? (kept as Kept) : {};
  } catch {
    return {};
  }
}

export const preferences = new Preferences();
