// What encoder-ui and the ingests say, as JSON. The names are those of the API.

export const STATES = ['receiving', 'degraded', 'waiting', 'stopped'] as const;
export type State = (typeof STATES)[number];

export const REASONS = [
  'interface_missing',
  'interface_down',
  'on_other_interface',
  'reverse_path_filter',
  'never_received',
  'stopped',
  'not_ts',
  'kernel_drops',
  'network_loss',
  'loss_before_nic',
  'upstream_errors',
  'scrambled',
  'ok',
] as const;
export type Reason = (typeof REASONS)[number];

export const ORIGINS = ['declared', 'operator', 'on_demand', 'rendition'] as const;
export type Origin = (typeof ORIGINS)[number];

/** In the order of ETSI TR 101 290. */
export const INDICATORS = [
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
] as const;
export type Indicator = (typeof INDICATORS)[number];

export const LOSS_CAUSES = ['network', 'kernel', 'upstream', 'unattributed'] as const;
export type LossCause = (typeof LOSS_CAUSES)[number];

export type Params = Record<string, string>;

export interface Input {
  url: string;
  interface?: string;
}

export interface ChannelDefinition {
  id: string;
  name: string;
  inputs: Input[];
  slow_viewer: 'skip' | 'disconnect';
  renditions: string[];
  ingests?: string[];
  enabled: boolean;
  number?: number;
  group?: string;
  logo?: string;
  labels?: Record<string, string>;
  program?: number;
  scrambled?: 'expected';
}

export interface Stream {
  pid: number;
  type: string;
  detail: string;
  language: string | null;
  bitrate_bps: number;
  pts_interval_ms?: number | null;
  scrambled: boolean;
}

export interface Service {
  service_id: number;
  name: string;
  provider: string;
  pmt_pid: number;
  pcr_pid: number;
  bitrate_bps?: number;
  pcr_interval_ms?: number | null;
  streams: Stream[];
}

export interface Acknowledgement {
  by: string;
  since: string;
  until: string;
  note: string;
}

export interface ChannelStatus {
  state: State;
  reason: Reason;
  params: Params;
  detail: string;
  since: string;
  active_input: number;
  /** The input that an operator holds; absent or null: failover chooses. */
  pinned_input?: number | null;
  /** How each input fares, where there are several. */
  inputs?: { joined: boolean; condition: string }[];
  bitrate_bps: number;
  viewers: number;
  received: { datagrams: number; bytes: number };
  lost: Record<LossCause, number>;
  repaired: Record<string, number>;
  tr101290: Record<Indicator, number>;
  arrival_jitter_us?: number | null;
  services: Service[];
  acknowledged?: Acknowledgement | null;
}

export interface Channel extends ChannelDefinition {
  origin: Origin;
  status: ChannelStatus;
  watch_url: string | null;
}

export interface IngestStatus {
  version: string;
  node_name: string;
  started: string;
  uptime_s: number;
  state_dir: string | null;
  persistent: boolean;
  state_dir_writable?: boolean;
  config_ok: boolean;
  config: { file: string | null; last_good: boolean; errors: Mistake[] };
  limits: Record<string, number | null>;
  interface: { looked_for: string[]; found: string | null; present: string[] };
  workers: { channels: number; busy_ratio: number; alive: boolean }[];
  viewers: number;
}

export interface ProcessingNode {
  name: string;
  address: string;
  version: string;
  instance: string;
  slots: number;
  free_slots: number;
  encoders: string[];
  ffmpeg: string;
  draining: boolean;
  state: 'alive' | 'suspect' | 'silent';
  last_seen: string;
  jobs: string[];
}

export interface Job {
  id: string;
  channel: string;
  profile: string | { name: string };
  state: string;
  node: string | null;
  epoch: number;
  since: string;
  reason: string | null;
  params: Params;
  detail: string;
  fps: number | null;
  speed: number | null;
  frames_dropped: number;
  cpu_percent: number;
  complaints: number;
  restarts: number;
  stderr_tail: string[];
}

export type IngestState = 'here' | 'away' | 'removed';

/** An ingest without its channels. */
export interface Ingest {
  name: string;
  known: boolean;
  state: IngestState;
  since: string;
  address: string;
  error: string | null;
  seen_at: string | null;
  status: IngestStatus | null;
  nodes: ProcessingNode[];
  jobs: Job[];
}

export interface Snapshot {
  time: string;
  ingests: (Ingest & { channels: Channel[] })[];
}

export interface Change {
  time: string;
  ingests: Ingest[];
  removed_ingests: string[];
  channels: { ingest: string; channel: Channel }[];
  removed_channels: { ingest: string; id: string }[];
}

export interface IngestEvent {
  id: string;
  time: string;
  kind: string;
  channel?: string;
  reason?: string;
  params: Params;
  detail: string;
  actor?: string;
  address?: string;
  difference?: unknown;
}

export interface EventEntry {
  ingest: string;
  event: IngestEvent;
}

export interface Mistake {
  pointer: string;
  code: string;
  params: Params;
  detail: string;
  line?: number;
}

export interface Problem {
  title: string;
  status: number;
  detail: string;
  reason?: string;
  params?: Params;
  errors?: Mistake[];
}

export interface Me {
  name: string;
  role: 'admin' | 'viewer';
  login: boolean;
}

export interface Viewer {
  id: string;
  address: string;
  user_agent: string;
  since: string;
  bytes: number;
  lag_ms: number;
  skipped_bytes: number;
}

export interface NetworkInterface {
  name: string;
  index: number;
  up: boolean;
  carrier: boolean;
  multicast: boolean;
  loopback: boolean;
  device: boolean;
  speed_mbps: number | null;
  addresses: { address: string; prefix: number }[];
  rp_filter: number | null;
  memberships: string[];
  rx_bytes: number;
  rx_dropped: number;
  tx_bytes: number;
  tx_dropped: number;
}

export interface Diagnosis {
  channel: string;
  state: State;
  reason: Reason;
  params: Params;
  verdict: string;
  group: string | null;
  interface: {
    name: string;
    up: boolean;
    carrier: boolean;
    members: number;
    igmp_version: string | null;
    rp_filter: number | null;
    rp_filter_test: 'shown' | 'perhaps' | 'no' | null;
    rp_filter_drops: number | null;
    rx_bytes: number;
    rx_dropped: number;
  } | null;
  probes: {
    interface: string;
    outcome: 'came' | 'nothing' | 'failed';
    source: string | null;
    error: string | null;
  }[];
  receive_buffer_bytes: number;
}

export interface SeenError {
  time: string;
  kind: string;
  count: number;
}

export interface Applied {
  added: string[];
  changed: string[];
  removed: string[];
  changes: Record<string, Record<string, { old: unknown; new: unknown }>>;
  ignored: string[];
}
