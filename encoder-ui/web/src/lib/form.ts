// The form of a channel: its fields as typed, the document they mean, and what is wrong with them. The
// rules are those of encoder-ingest, which judges again and has the last word. Pure.

import type { ChannelDefinition, Mistake, Params } from '../api/types';

/** Profiles that every ingest knows. */
export const BUILT_IN_RENDITIONS = ['preview', '720p', 'audio', 'snapshot'] as const;

const INPUTS_MAX = 8;
const NAME_CHARACTERS_MAX = 120;
const LABEL_CHARACTERS_MAX = 128;
const NUMBER_MAX = 99_999;
const URL_BYTES_MAX = 2048;
/** IFNAMSIZ without its end. */
const INTERFACE_NAME_BYTES_MAX = 15;

export interface Form {
  id: string;
  name: string;
  inputs: { url: string; interface: string }[];
  slow_viewer: 'skip' | 'disconnect';
  enabled: boolean;
  scrambled: boolean;
  renditions: string[];
  /** Names of other profiles, with commas between. */
  otherRenditions: string;
  number: string;
  group: string;
  logo: string;
  program: string;
  labels: { name: string; value: string }[];
  /** Kept as it is: which ingests run it is chosen beside the form. */
  ingests: string[] | undefined;
}

/** What an ingest said when the form was saved on it; `failure` null: it took it. */
export interface SaveResult {
  ingest: string;
  failure: string | null;
  /** The channel was changed meanwhile. */
  conflict: boolean;
}

export function emptyForm(): Form {
  return {
    id: '',
    name: '',
    inputs: [{ url: '', interface: '' }],
    slow_viewer: 'skip',
    enabled: true,
    scrambled: false,
    renditions: [],
    otherRenditions: '',
    number: '',
    group: '',
    logo: '',
    program: '',
    labels: [],
    ingests: undefined,
  };
}

export function formOf(channel: ChannelDefinition): Form {
  const builtIn: readonly string[] = BUILT_IN_RENDITIONS;
  return {
    id: channel.id,
    name: channel.name,
    inputs: channel.inputs.map((input) => ({ url: input.url, interface: input.interface ?? '' })),
    slow_viewer: channel.slow_viewer,
    enabled: channel.enabled,
    scrambled: channel.scrambled === 'expected',
    renditions: channel.renditions.filter((name) => builtIn.includes(name)),
    otherRenditions: channel.renditions.filter((name) => !builtIn.includes(name)).join(', '),
    number: channel.number?.toString() ?? '',
    group: channel.group ?? '',
    logo: channel.logo ?? '',
    program: channel.program?.toString() ?? '',
    labels: Object.entries(channel.labels ?? {}).map(([name, value]) => ({ name, value })),
    ingests: channel.ingests,
  };
}

function others(form: Form): string[] {
  return form.otherRenditions
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);
}

export function documentOf(form: Form): ChannelDefinition {
  const document: ChannelDefinition = {
    id: form.id.trim(),
    name: form.name.trim() || form.id.trim(),
    inputs: form.inputs.map((input) => {
      const nic = input.interface.trim();
      return { url: input.url.trim(), ...(nic ? { interface: nic } : {}) };
    }),
    slow_viewer: form.slow_viewer,
    renditions: [...form.renditions, ...others(form)],
    enabled: form.enabled,
  };
  if (form.ingests) document.ingests = form.ingests;
  if (form.scrambled) document.scrambled = 'expected';
  if (form.number.trim()) document.number = Number(form.number.trim());
  if (form.group.trim()) document.group = form.group.trim();
  if (form.logo.trim()) document.logo = form.logo.trim();
  if (form.program.trim()) document.program = Number(form.program.trim());
  const labels = form.labels.filter((label) => label.name.trim());
  if (labels.length > 0) {
    document.labels = Object.fromEntries(labels.map(({ name, value }) => [name.trim(), value.trim()]));
  }
  return document;
}

/** Mistakes by the pointer of their field (RFC 6901), with the codes of the ingest. */
export function mistakesOf(form: Form): Mistake[] {
  const found: Mistake[] = [];
  const push = (pointer: string, code: string, params: Params = {}) =>
    found.push({ pointer, code, params, detail: code });
  const id = form.id.trim();
  if (!id) push('/id', 'missing_key', { key: 'id' });
  else if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(id)) push('/id', 'bad_id');
  text(form.name, '/name', NAME_CHARACTERS_MAX, push);
  text(form.group, '/group', NAME_CHARACTERS_MAX, push);
  if (form.inputs.length > INPUTS_MAX) {
    push('/inputs', 'wrong_length', { count: `${form.inputs.length}`, min: '1', max: `${INPUTS_MAX}` });
  }
  const seen = new Set<string>();
  form.inputs.forEach((input, index) => {
    const at = `/inputs/${index}`;
    const url = input.url.trim();
    const nic = input.interface.trim();
    const mistake = url ? addressMistake(url) : { code: 'missing_key', params: { key: 'url' } };
    if (mistake) push(`${at}/url`, mistake.code, { value: url, ...mistake.params });
    if (nic && !isInterface(nic)) push(`${at}/interface`, 'bad_interface', { value: nic });
    const both = `${url} ${nic}`;
    if (url && seen.has(both)) push(`${at}/url`, 'duplicate');
    seen.add(both);
  });
  whole(form.number, '/number', 0, NUMBER_MAX, push);
  whole(form.program, '/program', 1, 65_535, push);
  const logo = form.logo.trim();
  if (logo && !(/^https?:\/\/[!-~]+$/.test(logo) && !/["<>\\]/.test(logo) && logo.length <= URL_BYTES_MAX)) {
    push('/logo', 'invalid');
  }
  others(form).forEach((name, index) => {
    if (!/^[a-z0-9][a-z0-9_-]*$/.test(name))
      push(`/renditions/${form.renditions.length + index}`, 'bad_name');
  });
  const names = new Set<string>();
  for (const { name, value } of form.labels) {
    const key = name.trim();
    const at = `/labels/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (!key && value.trim()) push('/labels/', 'missing_key', { key: 'name' });
    if (key && names.has(key)) push(at, 'duplicate');
    names.add(key);
    text(value, at, LABEL_CHARACTERS_MAX, push);
  }
  return found;
}

type Push = (pointer: string, code: string, params?: Params) => void;

function text(value: string, pointer: string, max: number, push: Push): void {
  const count = [...value.trim()].length;
  if (count > max) push(pointer, 'wrong_length', { count: `${count}`, min: '1', max: `${max}` });
}

function whole(value: string, pointer: string, min: number, max: number, push: Push): void {
  const given = value.trim();
  if (!given) return;
  const number = Number(given);
  if (!/^\d+$/.test(given) || number < min || number > max) {
    push(pointer, 'out_of_range', { value: given, min: `${min}`, max: `${max}` });
  }
}

/** As the kernel judges names, or a CIDR of an address on the NIC. */
function isInterface(name: string): boolean {
  if (/^[0-9a-fA-F.:]+\/\d{1,3}$/.test(name)) return true;
  return name.length <= INTERFACE_NAME_BYTES_MAX && !/[/:\s]/.test(name) && name !== '.' && name !== '..';
}

/** What the form's fields show mistakes of. */
const FIELDS = [
  /^\/(id|name|group|number|program|logo|slow_viewer|enabled|scrambled)$/,
  /^\/inputs\/\d+\/(url|interface)$/,
  /^\/inputs(\/\d+)?$/,
  /^\/renditions/,
  /^\/labels/,
];

export function hasField(pointer: string): boolean {
  return FIELDS.some((field) => field.test(pointer));
}

interface AddressMistake {
  code: string;
  params: Params;
}

/** `udp://[source@]group:port`, as encoder-ingest reads it. */
export function addressMistake(url: string): AddressMistake | null {
  const parts = /^([a-z]+):\/\/(.*)$/.exec(url);
  if (!parts || (parts[1] !== 'udp' && parts[1] !== 'rtp')) return { code: 'bad_url', params: {} };
  const at = (parts[2] as string).indexOf('@');
  const source = at > 0 ? (parts[2] as string).slice(0, at) : '';
  const rest = (parts[2] as string).slice(at + 1);
  const place = /^(\[[^\]]*\]|[^:[\]]*):([^/?#]*)(.*)$/.exec(rest);
  if (!place) return { code: 'bad_port', params: {} };
  const [, group, port, trailing] = place as unknown as [string, string, string, string];
  const address = parseAddress(group);
  if (!address) return { code: 'bad_address', params: { address: group } };
  if (trailing !== '' && trailing !== '/') return { code: 'bad_url', params: { trailing } };
  if (!/^\d+$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    return { code: 'bad_port', params: { port } };
  if (!address.multicast)
    return { code: 'not_multicast', params: { address: group.replace(/^\[|\]$/g, '') } };
  if (source) {
    const from = parseAddress(source);
    if (!from) return { code: 'bad_address', params: { address: source } };
    if (from.multicast || from.nowhere || from.version !== address.version) {
      return { code: 'bad_source', params: { source } };
    }
  }
  return null;
}

interface Address {
  version: 4 | 6;
  multicast: boolean;
  /** Unspecified or broadcast. */
  nowhere: boolean;
}

function parseAddress(given: string): Address | null {
  if (given.startsWith('[')) {
    const inner = given.slice(1, -1);
    try {
      // The browser's own reading of IPv6.
      const host = new URL(`http://[${inner}]/`).hostname;
      return { version: 6, multicast: /^\[ff/i.test(host), nowhere: host === '[::]' };
    } catch {
      return null;
    }
  }
  const parts = given.split('.');
  const bytes = parts.map((part) => (/^(0|[1-9]\d{0,2})$/.test(part) ? Number(part) : 256));
  if (parts.length !== 4 || bytes.some((byte) => byte > 255)) return null;
  const first = bytes[0] as number;
  const all = bytes.every((byte) => byte === 255) || bytes.every((byte) => byte === 0);
  return { version: 4, multicast: first >= 224 && first <= 239, nowhere: all };
}
