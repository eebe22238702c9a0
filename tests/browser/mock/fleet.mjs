// Made-up ingests and channels, for states that are hard to bring about and numbers that are large.

export const START = Date.parse('2026-11-23T01:20:00Z');

const INDICATORS = [
  'ts_sync_loss',
  'sync_byte_error',
  'pat_error',
  'continuity_count_error',
  'pmt_error',
  'pid_error',
  'transport_error',
  'crc_error',
  'pcr_repetition_error',
  'pcr_discontinuity_error',
  'pcr_accuracy_error',
  'pts_error',
  'cat_error',
];

const zeros = () => Object.fromEntries(INDICATORS.map((name) => [name, 0]));
const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();

const NAMES = [
  'News HD',
  'Sport 1 HD',
  'Cinema',
  'Docu World',
  'Kids',
  'Music Box',
  'Regional North',
  'Regional South',
  'Parliament',
  'Weather',
  'History',
  'Nature HD',
  'Comedy',
  'Crime',
  'Travel',
  'Business',
  'Classic FM',
  'Culture',
  'Science',
  'Sport 2 HD',
  '新闻频道',
  '体育频道',
  'Arte Nova',
  'Shopping',
  'Local 1',
  'Local 2',
];
const GROUPS = ['News', 'Sport', 'Film', 'Regional', 'Music'];

export function channel(index, change = {}) {
  const name = index < NAMES.length ? NAMES[index] : `Channel ${index + 1}`;
  const id = change.id ?? `ch${String(index + 1).padStart(3, '0')}`;
  const hd = index % 3 !== 2;
  const rate = 4_000_000 + ((index * 7919) % 9) * 900_000;
  const { status = {}, ...definition } = change;
  return {
    id,
    name,
    inputs: [
      {
        url: `udp://239.1.${index >> 8}.${index & 255 || 1}:5000`,
        interface: 'eth1',
      },
    ],
    slow_viewer: 'skip',
    renditions: [],
    enabled: true,
    number: index + 1,
    group: GROUPS[index % GROUPS.length],
    labels: {},
    origin: index % 4 === 3 ? 'operator' : 'declared',
    watch_url: `http://ingest-a.example:9525/channels/${id}.ts`,
    ...definition,
    status: {
      state: 'receiving',
      reason: 'ok',
      params: {},
      detail: '',
      since: ago(86_400 + index * 61),
      active_input: 0,
      pinned_input: null,
      inputs: [],
      bitrate_bps: rate,
      viewers: (index * 13) % 37,
      received: { datagrams: 1, bytes: 1316 },
      lost: { network: 0, kernel: 0, upstream: 0, unattributed: 0 },
      repaired: { reordered: 0, duplicates: 0 },
      tr101290: zeros(),
      arrival_jitter_us: 400,
      services: [
        {
          service_id: 1,
          name,
          provider: 'Example',
          pmt_pid: 256,
          pcr_pid: 257,
          bitrate_bps: rate,
          pcr_interval_ms: 20,
          streams: [
            {
              pid: 257,
              type: index % 11 === 5 ? 'hevc' : 'h264',
              detail: hd ? '1920x1080 25i' : '1280x720 50p',
              language: null,
              bitrate_bps: rate * 0.93,
              pts_interval_ms: 40,
              scrambled: false,
            },
            {
              pid: 258,
              type: 'aac',
              detail: '48 kHz stereo',
              language: 'eng',
              bitrate_bps: 192_000,
              pts_interval_ms: 24,
              scrambled: false,
            },
          ],
        },
      ],
      acknowledged: null,
      ...status,
    },
  };
}

const ill = (state, reason, params, detail, since, more = {}) => ({
  state,
  reason,
  params: { interface: 'eth1', group: '239.1.0.7:5000', ...params },
  detail,
  since: ago(since),
  ...more,
});

const silent = { bitrate_bps: 0, services: [] };

export function ingest(name, channels, change = {}) {
  return {
    name,
    known: true,
    state: 'here',
    since: ago(7200),
    address: `http://10.0.0.${name.length}:9525`,
    error: null,
    seen_at: ago(0),
    status: {
      version: '0.1.0',
      node_name: name,
      started: ago(190_000),
      uptime_s: 190_000,
      state_dir: '/var/lib/encoder-ingest',
      persistent: true,
      state_dir_writable: true,
      config_ok: true,
      config: {
        file: '/etc/encoder/channels.yaml',
        last_good: false,
        errors: [],
      },
      limits: {
        max_channels: 256,
        max_viewers: 2000,
        max_connections: 4000,
        latency_ms: 20,
        history_ms: 2000,
        history_bytes: 268435456,
        receive_buffer_bytes: null,
        silence_ms: 1000,
        viewer_idle_s: 60,
      },
      interface: {
        looked_for: ['eth1'],
        found: 'eth1',
        present: ['lo', 'eth0', 'eth1', 'eth2'],
      },
      workers: [
        { channels: 12, busy_ratio: 0.21, alive: true },
        { channels: 13, busy_ratio: 0.18, alive: true },
      ],
      viewers: 120,
    },
    nodes: [],
    jobs: [],
    ...change,
    channels,
  };
}

const node = (name, change) => ({
  name,
  address: '10.0.0.21',
  version: '0.1.0',
  instance: 'a1',
  slots: 8,
  free_slots: 3.85,
  encoders: ['libx264', 'aac', 'mjpeg'],
  ffmpeg: '5.1.9',
  draining: false,
  state: 'alive',
  last_seen: ago(0),
  jobs: ['ch001.preview'],
  ...change,
});
const job = (id, change) => ({
  id,
  channel: id.split('.')[0],
  profile: id.split('.')[1],
  state: 'running',
  node: 'node-1',
  epoch: 1,
  since: ago(4000),
  reason: null,
  params: {},
  detail: '',
  fps: 25,
  speed: 1,
  frames_dropped: 0,
  cpu_percent: 28,
  complaints: 0,
  restarts: 0,
  stderr_tail: [],
  ...change,
});

/** What most pictures show: a night with some trouble. */
export function night() {
  const a = [];
  for (let index = 0; index < 24; index += 1) a.push(channel(index, { renditions: ['snapshot'] }));
  a[0] = channel(0, {
    renditions: ['preview', 'snapshot'],
    inputs: [
      { url: 'rtp://239.1.0.1:5000', interface: 'eth1' },
      { url: 'rtp://239.2.0.1:5000', interface: 'eth2' },
    ],
    labels: { team: 'night' },
    origin: 'operator',
    status: {
      inputs: [
        { joined: true, condition: 'ok' },
        { joined: true, condition: 'ok' },
      ],
      repaired: { reordered: 3, duplicates: 0, merged: 12 },
    },
  });
  a[1] = channel(1, { renditions: ['snapshot'] });
  a[6] = channel(6, {
    renditions: ['snapshot'],
    origin: 'operator',
    status: ill('stopped', 'stopped', {}, '239.1.0.7:5000 on eth1 has stopped', 312, {
      viewers: 41,
      ...silent,
    }),
  });
  a[9] = channel(9, {
    renditions: ['snapshot'],
    status: ill(
      'waiting',
      'on_other_interface',
      { found_on: 'eth2', source: '10.0.2.9' },
      'found elsewhere',
      45,
      { viewers: 0, ...silent },
    ),
  });
  a[12] = channel(12, {
    renditions: ['snapshot'],
    status: ill('degraded', 'network_loss', {}, 'RTP packets are lost', 96, {
      viewers: 8,
      lost: { network: 431, kernel: 0, upstream: 0, unattributed: 0 },
      tr101290: {
        ...zeros(),
        continuity_count_error: 377,
        pcr_repetition_error: 4,
      },
    }),
  });
  a[15] = channel(15, {
    renditions: ['snapshot'],
    status: ill('stopped', 'interface_down', { cause: 'carrier' }, 'eth1 has no carrier', 5400, {
      viewers: 3,
      ...silent,
      acknowledged: {
        by: 'token/ann',
        since: ago(5000),
        until: new Date(Date.now() + 7200_000).toISOString(),
        note: 'Cable crew is on its way',
      },
    }),
  });
  a[18] = channel(18, { enabled: false });
  const b = [
    channel(0, {
      renditions: ['snapshot'],
      watch_url: 'http://ingest-b.example:9525/channels/ch001.ts',
    }),
    ...[30, 31, 32, 33].map((index) => channel(index, { group: 'Regional' })),
  ];
  const preview = channel(0, {
    id: 'ch001.preview',
    origin: 'rendition',
    inputs: [],
    status: { bitrate_bps: 900_000 },
  });
  preview.name = 'News HD (preview)';
  return [
    ingest('ingest-a', [...a, preview], {
      nodes: [
        node('node-1'),
        node('node-2', {
          free_slots: 7,
          address: '10.0.0.22',
          jobs: ['ch001.snapshot'],
          draining: true,
        }),
        node('node-3', {
          state: 'silent',
          last_seen: ago(40),
          jobs: [],
          address: '10.0.0.23',
        }),
      ],
      jobs: [
        job('ch001.preview'),
        job('ch001.snapshot', {
          node: 'node-2',
          fps: null,
          speed: null,
          cpu_percent: 2,
        }),
        job('ch002.snapshot', { fps: null, speed: null, cpu_percent: 2 }),
        job('ch013.720p', {
          state: 'failed',
          reason: 'ffmpeg_failed',
          detail: 'ffmpeg ended',
          restarts: 4,
          stderr_tail: ['[mpegts @ 0x1] PES packet size mismatch', 'Conversion failed!'],
          fps: null,
          speed: null,
          cpu_percent: 0,
        }),
        job('ch014.preview', {
          state: 'pending',
          node: null,
          reason: 'no_suitable_node',
          fps: null,
          speed: null,
          cpu_percent: 0,
        }),
      ],
    }),
    ingest('ingest-b', b, { address: 'http://10.0.0.12:9525' }),
    ingest('ingest-c', [channel(40), channel(41)], {
      state: 'away',
      since: ago(372),
      error: 'connection timed out',
      seen_at: ago(375),
      address: 'http://10.0.0.13:9525',
    }),
  ];
}

export function many(count) {
  return [
    ingest(
      'ingest-a',
      Array.from({ length: count }, (_, index) => channel(index)),
    ),
  ];
}

export const scenarios = {
  night,
  many: () => many(250),
  well: () => [
    ingest(
      'ingest-a',
      Array.from({ length: 10 }, (_, index) => channel(index)),
    ),
  ],
  empty: () => [ingest('ingest-a', [])],
  never: () => [
    {
      ...ingest('10.0.0.9:9525', []),
      known: false,
      state: 'away',
      status: null,
      error: 'connection refused',
      address: 'http://10.0.0.9:9525',
      seen_at: null,
    },
  ],
  removed: () => [
    ingest('ingest-a', [channel(0), channel(1)]),
    ingest('ingest-old', [channel(2)], {
      state: 'removed',
      error: 'no longer in DNS',
    }),
  ],
  broken: () => [
    ingest('ingest-a', [channel(0)], {
      status: {
        ...ingest('x', []).status,
        config_ok: false,
        persistent: false,
        state_dir: null,
        config: {
          file: '/etc/encoder/channels.yaml',
          last_good: true,
          errors: [
            {
              pointer: '/channels/3/inputs/0/url',
              code: 'not_multicast',
              params: { address: '10.1.1.1', value: 'udp://10.1.1.1:5000' },
              detail: 'not a multicast address',
              line: 17,
            },
          ],
        },
      },
    }),
  ],
};

const event = (n, ingestName, seconds, kind, more) => ({
  ingest: ingestName,
  event: {
    id: `${START}-${n}`,
    time: ago(seconds),
    kind,
    params: {},
    detail: kind,
    ...more,
  },
});

export function events() {
  return [
    event(1, 'ingest-a', 190_000, 'started', {
      reason: 'started',
      params: { address: '10.0.0.8:9525', version: '0.1.0' },
    }),
    event(2, 'ingest-a', 7300, 'channel_added', {
      channel: 'ch004',
      reason: 'operator',
      params: { name: 'Docu World' },
      actor: 'token/ann',
      address: '10.0.0.77',
      difference: { added: { id: 'ch004' } },
    }),
    event(3, 'ingest-a', 5400, 'channel_state', {
      channel: 'ch016',
      reason: 'interface_down',
      params: { state: 'stopped', interface: 'eth1', cause: 'carrier' },
    }),
    event(4, 'ingest-a', 5000, 'acknowledged', {
      channel: 'ch016',
      reason: 'acknowledged',
      params: {
        by: 'ann',
        until: new Date(Date.now() + 7200_000).toISOString(),
        note: 'Cable crew is on its way',
      },
      actor: 'token/ann',
      address: '10.0.0.77',
    }),
    event(5, 'ingest-b', 3600, 'interface_changed', {
      detail: 'NIC eth2 is up',
    }),
    event(6, 'ingest-a', 2400, 'input_switched', {
      channel: 'ch001',
      reason: 'silence',
      params: { from: '0', to: '1', group: '239.2.0.1:5000' },
    }),
    event(7, 'ingest-a', 2100, 'input_switched', {
      channel: 'ch001',
      reason: 'preferred_well',
      params: { from: '1', to: '0', group: '239.1.0.1:5000' },
    }),
    event(8, 'ingest-a', 1200, 'config_refused', {
      reason: 'config_refused',
      params: { file: '/etc/encoder/channels.yaml', mistakes: '2' },
    }),
    event(9, 'ingest-a', 900, 'viewer_kicked', {
      channel: 'ch002',
      actor: 'token/ben',
      address: '10.0.0.78',
      detail: 'viewer 10.0.4.2:50112 was disconnected',
      params: { viewer: '7', viewer_address: '10.0.4.2:50112' },
    }),
    event(10, 'ingest-a', 312, 'channel_state', {
      channel: 'ch007',
      reason: 'stopped',
      params: { state: 'stopped', interface: 'eth1', group: '239.1.0.7:5000' },
    }),
    event(11, 'ingest-a', 96, 'channel_state', {
      channel: 'ch013',
      reason: 'network_loss',
      params: {
        state: 'degraded',
        interface: 'eth1',
        group: '239.1.0.13:5000',
      },
    }),
    event(12, 'ingest-a', 45, 'channel_state', {
      channel: 'ch010',
      reason: 'on_other_interface',
      params: {
        state: 'waiting',
        interface: 'eth1',
        group: '239.1.0.10:5000',
        found_on: 'eth2',
        source: '10.0.2.9',
      },
    }),
  ];
}
