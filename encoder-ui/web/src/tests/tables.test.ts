// Both languages' tables against each other, and against the enums in the programs' code.

import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { INDICATORS, LOSS_CAUSES, ORIGINS, REASONS, STATES } from '../api/types';
import { factsOf } from '../i18n/codes';
import { codesEn } from '../i18n/codes.en';
import { codesZh } from '../i18n/codes.zh';
import { wordsEn } from '../i18n/words.en';
import { wordsZh } from '../i18n/words.zh';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const read = (path: string) => readFileSync(`${root}/${path}`, 'utf8');

function snake(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toLowerCase();
}

/** The variants of a Rust enum without data, as JSON has them. */
function variants(path: string, name: string): string[] {
  const body = new RegExp(`pub enum ${name} \\{([^}]*)\\}`).exec(read(path))?.[1];
  if (!body) throw new Error(`no enum ${name} in ${path}`);
  return [...body.matchAll(/^\s{4}([A-Z]\w*),/gm)].map((match) => snake(match[1] as string));
}

const CHANNEL = 'common/src/api/channel.rs';

describe('tables and enums', () => {
  const languages = [codesEn, codesZh];
  const cases: [string, string[], (codes: typeof codesEn) => object][] = [
    ['reasons', variants(CHANNEL, 'Reason'), (codes) => codes.reasons],
    ['origins', variants(CHANNEL, 'Origin'), (codes) => codes.origins],
    ['states', [...variants(CHANNEL, 'State'), 'unknown', 'disabled'], (codes) => codes.states],
    ['indicators', variants('common/src/api/tr101290.rs', 'Indicator'), (codes) => codes.indicators],
    [
      'indicators explained',
      variants('common/src/api/tr101290.rs', 'Indicator'),
      (codes) => codes.indicatorHelp,
    ],
    ['events', variants('common/src/api/event.rs', 'EventKind'), (codes) => codes.events],
    ['mistakes', variants('common/src/document/mistake.rs', 'MistakeCode'), (codes) => codes.mistakes],
  ];
  for (const [name, inCode, table] of cases) {
    it(`${name} are said in both languages, and no other`, () => {
      expect(inCode.length).toBeGreaterThan(2);
      for (const codes of languages) expect(Object.keys(table(codes)).sort()).toEqual([...inCode].sort());
    });
  }

  it('the lists of the page are the enums', () => {
    expect([...REASONS]).toEqual(variants(CHANNEL, 'Reason'));
    expect([...STATES]).toEqual(variants(CHANNEL, 'State'));
    expect([...ORIGINS]).toEqual(variants(CHANNEL, 'Origin'));
    expect([...INDICATORS]).toEqual(variants('common/src/api/tr101290.rs', 'Indicator'));
    const lost = /pub struct Lost \{([^}]*)\}/.exec(read(CHANNEL))?.[1] ?? '';
    const fields = [...lost.matchAll(/pub (\w+):/g)].map((match) => match[1]);
    expect([...LOSS_CAUSES]).toEqual(fields);
  });

  it('reasons of jobs are those of the nodes', () => {
    const path = 'common/src/api/node.rs';
    const there = readdirSync(`${root}/common/src/api`).includes('node.rs');
    if (!there) return;
    for (const codes of languages) {
      expect(Object.keys(codes.jobReasons).sort()).toEqual(variants(path, 'JobReason').sort());
    }
  });

  it('every reason of an event or of an ingest that refuses a change has a sentence', () => {
    const folder = `${root}/encoder-ingest/src`;
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.rs'),
    );
    const text = files.map((file) => readFileSync(`${folder}/${file}`, 'utf8')).join('\n');
    const drafts = [...text.matchAll(/EventDraft::new\(EventKind::(\w+)[\s\S]{0,240}?\.reason\("(\w+)"\)/g)];
    expect(drafts.length).toBeGreaterThan(5);
    for (const [, kind, reason] of drafts) {
      expect(Object.keys(codesEn.eventReasons), `${kind}: ${reason}`).toContain(reason);
    }
    const news = readFileSync(`${folder}/nodes/news.rs`, 'utf8');
    const node = [...news.matchAll(/\("(\w+)", format!\("node/g)].map((match) => `node_${match[1]}`);
    expect(node.length).toBeGreaterThan(3);
    for (const reason of node) expect(Object.keys(codesEn.eventReasons)).toContain(reason);
    const refused = /pub\(super\) fn refused\([\s\S]*?\n\}/.exec(
      readFileSync(`${folder}/http/api/request.rs`, 'utf8'),
    )?.[0];
    const reasons = [...(refused ?? '').matchAll(/StatusCode::\w+, "(\w+)"/g)].map(
      (match) => match[1] as string,
    );
    expect(reasons.length).toBeGreaterThan(4);
    for (const reason of reasons) expect(Object.keys(codesEn.problems)).toContain(reason);
  });
});

/** All texts of a table by their place. */
function texts(table: object, path = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(table)) {
    const at = `${path}/${key}`;
    if (typeof value === 'string') found.set(at, value);
    else if (typeof value === 'object') for (const [inner, text] of texts(value, at)) found.set(inner, text);
  }
  return found;
}

describe('English and Chinese', () => {
  it('sentences have the same keys and want the same facts', () => {
    const english = texts(codesEn);
    const chinese = texts(codesZh);
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [key, text] of english) {
      const [a, b] = [factsOf(text), factsOf(chinese.get(key) ?? '')];
      // An act may say less about where.
      if (!key.endsWith('/act')) expect(b.needed.sort(), key).toEqual(a.needed.sort());
      expect(b.optional.sort(), key).toEqual(a.optional.sort());
    }
  });

  it('every sentence of a reason wants only facts that the ingest tells', () => {
    const source = read('encoder-ingest/src/signal/reason.rs');
    const told = new Set([...source.matchAll(/(?:param\(|\()"(\w+)", /g)].map((match) => match[1] as string));
    for (const codes of [codesEn, codesZh]) {
      for (const [reason, { why, act }] of Object.entries(codes.reasons)) {
        for (const text of [why, act]) {
          const { needed, optional } = factsOf(text);
          for (const fact of [...needed, ...optional])
            expect([...told], `${reason}: ${text}`).toContain(fact);
        }
      }
    }
  });

  it('Chinese has its own punctuation, and addresses have theirs', () => {
    for (const [key, text] of [...texts(codesZh), ...texts(wordsZh)]) {
      expect(text, key).not.toMatch(/[\u4e00-\u9fff}]([,;!?]|: |\[:)/);
      expect(text, key).not.toMatch(/[0-9a-f]{2}：/);
    }
  });

  it('nothing is left in the other language', () => {
    for (const text of texts(wordsEn).values()) {
      if (text !== wordsEn.bar.language && text !== wordsEn.bar.languageLabel)
        expect(text).not.toMatch(/[\u4e00-\u9fff]/);
    }
    const english = texts(wordsEn);
    const same = [...texts(wordsZh)].filter(
      ([key, text]) => english.get(key) === text && /[a-z]{3}/.test(text),
    );
    // Names of things that are called so in every language.
    expect(
      same.map(([, text]) => text).filter((text) => !/^(Encoder|IGMP|PID|CPU|UTC|rp_filter)$/.test(text)),
    ).toEqual([]);
  });
});
