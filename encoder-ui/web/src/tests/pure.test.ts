import { describe, expect, it } from 'vitest';
import { merge } from '../api/merge';
import { StreamParser } from '../api/stream';
import type { Channel, Ingest } from '../api/types';
import { sentence } from '../i18n/codes';
import { csvOf, filterEvents, mergeEvents } from '../lib/eventlist';
import { addressMistake, documentOf, emptyForm, formOf, mistakesOf } from '../lib/form';
import * as format from '../lib/format';
import { countIll, isOld, stateOf } from '../lib/health';
import { History, linePath, SAMPLES_MAX } from '../lib/history';
import { operationsOf, OPERATIONS } from '../lib/offers';
import { personOf } from '../lib/person';
import { choose } from '../lib/playable';
import * as wall from '../lib/wall';

function channel(
  id: string,
  change: Partial<Channel['status']> = {},
  definition: Partial<Channel> = {},
): Channel {
  return {
    id,
    name: id.toUpperCase(),
    inputs: [{ url: 'udp://239.1.1.1:5000', interface: 'eth1' }],
    slow_viewer: 'skip',
    renditions: [],
    enabled: true,
    origin: 'operator',
    watch_url: null,
    ...definition,
    status: {
      state: 'receiving',
      reason: 'ok',
      params: {},
      detail: '',
      since: '2026-11-23T00:00:00Z',
      active_input: 0,
      bitrate_bps: 8_000_000,
      viewers: 2,
      received: { datagrams: 0, bytes: 0 },
      lost: { network: 0, kernel: 0, upstream: 0, unattributed: 0 },
      repaired: {},
      tr101290: {} as Channel['status']['tr101290'],
      services: [],
      ...change,
    },
  };
}

const ingest = (name: string, state: Ingest['state'] = 'here') => ({ name, state, known: true }) as Ingest;

const shown = (ingestName: string, one: Channel): wall.Shown => ({
  key: `${ingestName}/${one.id}`,
  ingest: ingestName,
  id: one.id,
  channel: one,
  health: stateOf(one, false),
});

describe('sentences', () => {
  it('are made of code and facts', () => {
    expect(sentence('{a} on {b}', { a: '1', b: '2' })).toBe('1 on 2');
    expect(sentence('{a}[ (from {b})].', { a: '1' })).toBe('1.');
    expect(sentence('{a}[ (from {b})].', { a: '1', b: '2' })).toBe('1 (from 2).');
    expect(sentence('for IPv6 [GROUP]:PORT', {})).toBe('for IPv6 [GROUP]:PORT');
  });
  it('are none where a fact is missing, so that the English one is shown', () => {
    expect(sentence('{a} on {b}', { a: '1' })).toBeNull();
    expect(sentence(undefined, {})).toBeNull();
  });
  it('take facts as text, whatever they hold', () => {
    expect(sentence('{a}', { a: '{b}[x]' })).toBe('{b}[x]');
  });
});

describe('the stream', () => {
  it('is read in pieces of any size', () => {
    const text = ': hello\r\nevent: a\ndata: 1\ndata: 2\n\ndata:x\n\n: \n\nevent: b\n\n';
    for (let size = 1; size < text.length; size += 1) {
      const parser = new StreamParser();
      const messages = [];
      for (let at = 0; at < text.length; at += size) messages.push(...parser.push(text.slice(at, at + size)));
      expect(messages, `pieces of ${size}`).toEqual([
        { event: 'a', data: '1\n2' },
        { event: 'message', data: 'x' },
      ]);
    }
  });
});

describe('what is known', () => {
  const snapshot = { time: '1', ingests: [{ ...ingest('n1'), channels: [channel('a'), channel('b')] }] };
  it('is replaced by a snapshot and altered by a change', () => {
    let fleet = merge(null, snapshot);
    expect([...(fleet.ingests.get('n1')?.channels.keys() ?? [])]).toEqual(['a', 'b']);
    fleet = merge(fleet, {
      time: '2',
      ingests: [ingest('n1', 'away'), ingest('n2')],
      removed_ingests: [],
      channels: [
        { ingest: 'n2', channel: channel('c') },
        { ingest: 'n1', channel: channel('a', { viewers: 9 }) },
        { ingest: 'gone', channel: channel('x') },
      ],
      removed_channels: [{ ingest: 'n1', id: 'b' }],
    });
    expect(fleet.ingests.get('n1')?.ingest.state).toBe('away');
    expect([...(fleet.ingests.get('n1')?.channels.values() ?? [])].map((one) => one.status.viewers)).toEqual([
      9,
    ]);
    expect(fleet.ingests.get('n2')?.channels.has('c')).toBe(true);
    expect(fleet.ingests.has('gone')).toBe(false);
    fleet = merge(fleet, {
      time: '3',
      ingests: [],
      removed_ingests: ['n2'],
      channels: [],
      removed_channels: [],
    });
    expect([...fleet.ingests.keys()]).toEqual(['n1']);
    expect(merge(fleet, snapshot).ingests.get('n1')?.channels.size).toBe(2);
  });
});

describe('health', () => {
  it('of an ingest that is away is unknown, and the ingest is counted', () => {
    const one = channel('a', { state: 'stopped' });
    expect(stateOf(one, false)).toBe('stopped');
    expect(stateOf(one, true)).toBe('unknown');
    expect(stateOf({ ...one, enabled: false }, true)).toBe('disabled');
    expect(countIll(['stopped', 'unknown', 'degraded', 'receiving', 'disabled'], 1)).toBe(3);
  });
  it('is old when its ingest is away, or is here and answered nothing for more than 5 s', () => {
    const seen_at = '2026-11-23T01:00:00Z';
    const at = (seconds: number) => Date.parse(seen_at) + 1000 * seconds;
    expect(isOld({ state: 'here', seen_at }, at(5))).toBe(false);
    expect(isOld({ state: 'here', seen_at }, at(5.1))).toBe(true);
    expect(isOld({ state: 'away', seen_at }, at(0))).toBe(true);
    expect(isOld({ state: 'here', seen_at: null }, at(0))).toBe(false);
  });
});

describe('what an ingest offers', () => {
  it('is read from its description', () => {
    const description = {
      paths: {
        '/api/v1/channels/{id}/pin': { post: {}, delete: {} },
        '/channels/{channel}/diagnose': { post: {} },
      },
    };
    const offered = operationsOf(description);
    expect(offered.has(OPERATIONS.pin)).toBe(true);
    expect(offered.has(OPERATIONS.diagnose)).toBe(true);
    expect(offered.has(OPERATIONS.capture)).toBe(false);
    for (const nothing of [null, {}, { paths: {} }]) expect(operationsOf(nothing).size).toBe(0);
  });
});

describe('people', () => {
  it('are named without the token that they came by', () => {
    expect(personOf('token/ui/ann')).toBe('ann');
    expect(personOf('token/ops')).toBe('ops');
    expect(personOf('ann')).toBe('ann');
  });
});

describe('the wall', () => {
  const all = [
    shown('n1', channel('well')),
    shown('n1', channel('slow', { state: 'degraded' })),
    shown('n1', channel('dead', { state: 'stopped' }, { group: 'Sport' })),
    shown('n2', channel('dead')),
    shown(
      'n1',
      channel('seen', { state: 'stopped', acknowledged: { by: 'a', since: '', until: '', note: '' } }),
    ),
    shown('n1', channel('well.preview', {}, { origin: 'rendition' })),
  ];
  const filter = wall.filterOf(new URLSearchParams());
  it('shows what is ill first, and what somebody has seen behind what nobody has', () => {
    const sorted = [...all].sort((a, b) => wall.compare(a, b, 'health')).map((one) => one.key);
    expect(sorted).toEqual(['n1/dead', 'n1/seen', 'n1/slow', 'n2/dead', 'n1/well', 'n1/well.preview']);
  });
  it('filters by text, state, ingest and group, and leaves renditions out', () => {
    const keys = (part: Partial<wall.Filter>) =>
      all.filter((one) => wall.matches(one, { ...filter, ...part })).map((one) => one.key);
    expect(keys({})).not.toContain('n1/well.preview');
    expect(keys({ all: true })).toContain('n1/well.preview');
    expect(keys({ state: 'ill' })).toEqual(['n1/slow', 'n1/dead', 'n1/seen']);
    expect(keys({ text: 'DEAD n2' })).toEqual(['n2/dead']);
    expect(keys({ text: '239.1.1.1 eth1', group: 'Sport' })).toEqual(['n1/dead']);
    expect(keys({ ingest: 'n2' })).toEqual(['n2/dead']);
  });
  it('keeps the filter in the address, and takes no nonsense from it', () => {
    const some: wall.Filter = {
      text: 'a b',
      state: 'ill',
      ingest: 'n1',
      group: 'Sport',
      sort: 'name',
      all: true,
    };
    expect(wall.filterOf(wall.queryOf(some))).toEqual(some);
    expect(wall.queryOf(filter).toString()).toBe('');
    expect(wall.filterOf(new URLSearchParams('state=no&sort=no')).state).toBe('');
  });
  it('groups one id of several ingests', () => {
    const groups = wall.grouped([...all].sort((a, b) => wall.compare(a, b, 'health')));
    expect(groups[0]?.members.map((one) => one.key)).toEqual(['n1/dead', 'n2/dead']);
    expect(groups.length).toBe(5);
  });
});

describe('history', () => {
  it('is a ring with gaps where nothing was known', () => {
    const history = new History();
    history.sample(1000, channel('a', { bitrate_bps: 1 }), true);
    history.sample(2000, channel('a', { bitrate_bps: 2 }), false);
    history.sample(3000, channel('a', { bitrate_bps: 3 }), true);
    expect(history.bitrates(60)).toEqual([1, null, 3]);
    for (let n = 0; n < SAMPLES_MAX + 5; n += 1) history.sample(n, channel('a', { bitrate_bps: n }), true);
    expect(history.length).toBe(SAMPLES_MAX);
    expect(history.bitrates(2)).toEqual([SAMPLES_MAX + 3, SAMPLES_MAX + 4]);
  });
  it('counts errors by the second, and a reset is none', () => {
    const history = new History();
    const lost = (network: number) =>
      channel('a', { lost: { network, kernel: 0, upstream: 0, unattributed: 0 } });
    for (const count of [5, 7, 0, 1]) history.sample(0, lost(count), true);
    expect(history.series().errors).toEqual([0, 2, 0, 1]);
  });
  it('is drawn from the right, with breaks', () => {
    expect(linePath([1, null, 1], 3, 20, 10)).toBe('M0.0 1.3M20.0 1.3');
    expect(linePath([null], 3, 20, 10)).toBe('');
    expect(linePath([0, 0], 2, 20, 10)).toBe('M0.0 10.0L20.0 10.0');
  });
});

describe('figures', () => {
  it('are as people read them', () => {
    expect(format.bitrate(8_000_000)).toBe('8.00 Mbit/s');
    expect(format.bitrate(2_134_000_000)).toBe('2.13 Gbit/s');
    expect(format.bytes(1536)).toBe('1.5 KiB');
    expect(format.duration(125_000, 'en')).toBe('2 min');
    expect(format.duration(7_500_000, 'en')).toBe('2 h 5 min');
    expect(format.duration(7_200_000, 'zh')).toBe('2 小时');
    expect(format.duration(-5, 'en')).toBe('0 s');
    expect(format.moment(0, 'en', 'utc')).toBe('1970-01-01 00:00:00 UTC');
    expect(format.clock(3_723_000, 'zh', 'utc')).toBe('01:02:03');
    expect(format.pid(257)).toBe('0x0101');
  });
});

describe('the form', () => {
  it('gives back the channel that it was made of', () => {
    const one = channel(
      'news',
      {},
      {
        number: 7,
        group: 'News',
        labels: { team: 'a' },
        renditions: ['preview', 'mobile'],
        program: 101,
        scrambled: 'expected',
        ingests: ['n1'],
      },
    );
    const { status: _, origin: __, watch_url: ___, ...definition } = one;
    expect(documentOf(formOf(one))).toEqual(definition);
    expect(mistakesOf(formOf(one))).toEqual([]);
  });
  it('finds each mistake at its field', () => {
    const form = {
      ...emptyForm(),
      id: 'News!',
      number: '100000',
      program: '0',
      logo: 'ftp://x',
      otherRenditions: 'Big One',
    };
    form.inputs = [
      { url: 'udp://10.1.1.1:5000', interface: 'a/b' },
      { url: '', interface: '' },
    ];
    form.labels = [
      { name: 'a', value: '1' },
      { name: 'a', value: '2' },
    ];
    const found = mistakesOf(form).map(({ pointer, code }) => `${pointer} ${code}`);
    expect(found.sort()).toEqual([
      '/id bad_id',
      '/inputs/0/interface bad_interface',
      '/inputs/0/url not_multicast',
      '/inputs/1/url missing_key',
      '/labels/a duplicate',
      '/logo invalid',
      '/number out_of_range',
      '/program out_of_range',
      '/renditions/0 bad_name',
    ]);
  });
  it('judges addresses as the ingest does', () => {
    for (const good of [
      'udp://239.1.1.1:5000',
      'rtp://239.1.1.1:1',
      'udp://192.0.2.7@232.1.1.1:5000',
      'udp://[ff3e::8000:1]:5000',
      'rtp://[2001:db8::7]@[ff3e::8000:1]:1',
      'udp://@239.1.1.1:5000/',
    ]) {
      expect(addressMistake(good), good).toBeNull();
    }
    const bad: [string, string][] = [
      ['239.1.1.1:5000', 'bad_url'],
      ['http://239.1.1.1:5000', 'bad_url'],
      ['udp://239.1.1.1', 'bad_port'],
      ['udp://[ff3e::1]', 'bad_port'],
      ['udp://239.1.1.1:0', 'bad_port'],
      ['udp://239.1.1.1:65536', 'bad_port'],
      ['udp://239.1.1.1:+5', 'bad_port'],
      ['udp://239.1.1:5', 'bad_address'],
      ['udp://239.1.1.256:5', 'bad_address'],
      ['udp://[ff3e::zz]:5', 'bad_address'],
      ['udp://10.1.1.1:5000', 'not_multicast'],
      ['udp://[fe80::1]:5', 'not_multicast'],
      ['udp://239.1.1.2@239.1.1.1:5', 'bad_source'],
      ['udp://[2001::1]@239.1.1.1:5', 'bad_source'],
      ['udp://239.1.1.1:5000/path', 'bad_url'],
    ];
    for (const [url, code] of bad) expect(addressMistake(url)?.code, url).toBe(code);
  });
});

describe('events', () => {
  const entry = (id: string, time: string, more = {}) => ({
    ingest: 'n1',
    event: { id, time, kind: 'channel_state', params: {}, detail: 'd', ...more },
  });
  it('stand newest first, and once', () => {
    const merged = mergeEvents(
      [entry('1-1', '2026-01-01T00:00:00Z'), entry('1-2', '2026-01-01T00:00:00Z')],
      [entry('1-2', '2026-01-01T00:00:00Z')],
    );
    expect(merged.map(({ event }) => event.id)).toEqual(['1-2', '1-1']);
  });
  it('are filtered', () => {
    const list = [
      entry('1-1', '2026-01-01T00:00:00Z', { actor: 'token/ann', channel: 'news' }),
      entry('1-2', '2026-01-02T00:00:00Z'),
    ];
    const filter = { text: '', ingest: '', kind: '', since: 0, people: false };
    const ids = (part: object) => filterEvents(list, { ...filter, ...part }).map(({ event }) => event.id);
    expect(ids({ people: true })).toEqual(['1-1']);
    expect(ids({ text: 'ANN news' })).toEqual(['1-1']);
    expect(ids({ since: Date.parse('2026-01-01T12:00:00Z') })).toEqual(['1-2']);
  });
  it('are exported as CSV that no spreadsheet takes for a formula', () => {
    const csv = csvOf([entry('1-1', '2026-01-01T00:00:00Z', { detail: '=1+1, "x"' })]);
    expect(csv).toContain(`"'=1+1, ""x"""`);
  });
});

describe('the preview', () => {
  const stream = (type: string, more = {}) => ({
    pid: 1,
    type,
    detail: '',
    language: null,
    bitrate_bps: 1,
    scrambled: false,
    ...more,
  });
  const with_ = (types: string[], more: Partial<Channel> = {}) =>
    channel(
      'a',
      {
        services: [
          {
            service_id: 1,
            name: '',
            provider: '',
            pmt_pid: 1,
            pcr_pid: 1,
            streams: types.map((type) => stream(type)),
          },
        ],
      },
      more,
    );
  it('plays what browsers can', () => {
    expect(choose(with_(['h264', 'aac']), undefined)).toMatchObject({ kind: 'play', id: 'a', sound: true });
    expect(choose(with_(['h264', 'mp2']), undefined)).toMatchObject({
      kind: 'play',
      sound: false,
      silentCodec: 'MPEG layer 2',
    });
  });
  it('names the codec, and takes the rendition where there is one', () => {
    expect(choose(with_(['hevc', 'aac']), undefined)).toEqual({
      kind: 'codec',
      codec: 'HEVC (H.265)',
      asked: false,
    });
    expect(
      choose(with_(['hevc'], { renditions: ['preview'] }), channel('a.preview', { state: 'waiting' })),
    ).toMatchObject({ kind: 'codec', asked: true });
    expect(choose(with_(['hevc']), channel('a.preview'))).toMatchObject({
      kind: 'play',
      id: 'a.preview',
      rendition: true,
    });
  });
  it('says when there is nothing', () => {
    expect(choose(channel('a', { state: 'stopped' }), undefined)).toEqual({ kind: 'no_data' });
  });
  it('opens nothing before it knows what is in the stream', () => {
    expect(choose(channel('a'), undefined)).toEqual({ kind: 'unknown' });
    expect(choose(with_([]), undefined)).toEqual({ kind: 'unknown' });
  });
});
