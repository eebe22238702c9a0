// Which stream of a channel this browser can play, and what keeps it from it. Pure.

import type { Channel } from '../api/types';
import { isAudio, isVideo } from './wall';

/** What mpegts.js takes apart and browsers decode everywhere. */
const VIDEO = new Set(['h264']);
const AUDIO = new Set(['aac', 'mp3']);

export type Choice =
  | { kind: 'play'; id: string; rendition: boolean; sound: boolean; silentCodec: string | null }
  /** The codec is named; `asked`: there is a rendition for it, which has no data. */
  | { kind: 'codec'; codec: string; asked: boolean }
  | { kind: 'scrambled' }
  /** Data flows, and what is in it is not known yet: a codec that a browser can't decode ends its player. */
  | { kind: 'unknown' }
  | { kind: 'no_data' };

/** How codecs are called by people. */
const NAMES: Record<string, string> = {
  hevc: 'HEVC (H.265)',
  h265: 'HEVC (H.265)',
  mpeg2video: 'MPEG-2 video',
  mpeg1video: 'MPEG-1 video',
  avs: 'AVS',
  mp2: 'MPEG layer 2',
  ac3: 'AC-3',
  eac3: 'E-AC-3',
  aac_latm: 'AAC (LATM)',
};

export function codecName(codec: string): string {
  return NAMES[codec] ?? codec;
}

/** `rendition`: the channel's rendition "preview", as the ingest shows it. */
export function choose(channel: Channel, rendition: Channel | undefined): Choice {
  const has = (one: Channel) => one.status.state === 'receiving' || one.status.state === 'degraded';
  if (!has(channel)) return { kind: 'no_data' };
  const services = channel.status.services;
  const service = services.find((one) => one.service_id === channel.program) ?? services[0];
  const streams = service?.streams ?? [];
  if (streams.length === 0) return { kind: 'unknown' };
  const video = streams.find((stream) => isVideo(stream.type));
  const audio = streams.filter((stream) => isAudio(stream.type));
  const heard = audio.find((stream) => AUDIO.has(stream.type) && !stream.scrambled);
  const direct: Choice = {
    kind: 'play',
    id: channel.id,
    rendition: false,
    sound: heard !== undefined,
    silentCodec: audio.length > 0 && !heard ? codecName(audio[0]?.type ?? '') : null,
  };
  const fits = !video || (VIDEO.has(video.type) && !video.scrambled);
  if (fits && (video || heard)) return direct;
  if (rendition && has(rendition)) {
    return { kind: 'play', id: rendition.id, rendition: true, sound: true, silentCodec: null };
  }
  if (video?.scrambled || (!video && audio[0]?.scrambled)) return { kind: 'scrambled' };
  const codec = codecName(video?.type ?? audio[0]?.type ?? streams[0]?.type ?? '');
  return { kind: 'codec', codec, asked: channel.renditions.includes('preview') };
}
