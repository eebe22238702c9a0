// The colours of states: each has one, and they are given in one place.

import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HEALTHS } from '../lib/health';

const source = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFileSync(`${source}/${path}`, 'utf8');

describe('tones', () => {
  it('every state has a colour on either ground', () => {
    const css = read('app.css');
    const light = css.slice(css.indexOf("[data-theme='light'] {"));
    for (const health of HEALTHS) {
      const rule = new RegExp(`data-tone='${health}'[^}]*--tone: var\\((--[a-z]+)\\)`).exec(css);
      expect(rule, health).not.toBeNull();
      expect(light, `${health} in the light`).toContain(`${rule?.[1]}: #`);
    }
  });

  it('are given in app.css and nowhere else', () => {
    const folders = ['components', 'parts', 'pages'];
    const files = folders.flatMap((folder) =>
      readdirSync(source + folder).map((name) => `${folder}/${name}`),
    );
    const own = files.filter((file) => /--tone(-ground)?:/.test(read(file)));
    expect(own).toEqual([]);
  });
});
