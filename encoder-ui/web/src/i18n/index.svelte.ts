// What is said, in the language that is chosen.

import { RequestError } from '../api/http';
import type { Channel, Diagnosis, IngestEvent, Mistake, Params } from '../api/types';
import * as format from '../lib/format';
import { preferences } from '../state/preferences.svelte';
import { sentence, type Codes } from './codes';
import { codesEn } from './codes.en';
import { codesZh } from './codes.zh';
import { wordsEn, type Words } from './words.en';
import { wordsZh } from './words.zh';

const WORDS: Record<format.Language, Words> = { en: wordsEn, zh: wordsZh };
const CODES: Record<format.Language, Codes> = { en: codesEn, zh: codesZh };

class Speech {
  get words(): Words {
    return WORDS[preferences.language];
  }

  get codes(): Codes {
    return CODES[preferences.language];
  }

  /** Why a channel is as it is: the sentence of the code, or what the ingest says in English. */
  why(status: Pick<Channel['status'], 'reason' | 'params' | 'detail'>): string {
    const template = this.codes.reasons[status.reason]?.why;
    const told = sentence(template, status.params);
    if (told) return told;
    // In English the ingest itself says it, and more exactly.
    const own = preferences.language === 'en' ? null : this.codes.fromNode[status.reason]?.why;
    return own ?? status.detail;
  }

  act(status: Pick<Channel['status'], 'reason' | 'params'>): string {
    const fromNode = this.codes.fromNode[status.reason];
    if (fromNode && status.params.group === undefined) return fromNode.act;
    const template = this.codes.reasons[status.reason]?.act;
    return sentence(template, status.params) ?? '';
  }

  short(status: Pick<Channel['status'], 'reason'>): string {
    return this.codes.reasons[status.reason]?.short ?? status.reason;
  }

  verdict(diagnosis: Diagnosis): string {
    if (diagnosis.reason === 'ok') return this.words.channel.diagnosedWell;
    const status = { ...diagnosis, detail: diagnosis.verdict };
    return `${this.why(status)} ${this.act(status)}`.trim();
  }

  event(event: IngestEvent): string {
    const params: Params = { ...event.params };
    for (const key of ['until']) {
      const at = Date.parse(params[key] ?? '');
      if (!Number.isNaN(at)) params[key] = this.moment(at);
    }
    if (event.kind === 'channel_state' && event.reason) {
      const state = this.codes.states[params.state as keyof Codes['states']] ?? params.state ?? '';
      const reason = event.reason as Channel['status']['reason'];
      const why = this.why({ reason, params, detail: event.detail });
      return state ? this.words.pair(state, why) : why;
    }
    if (event.kind === 'input_switched') {
      const cause = this.codes.conditions[event.reason ?? ''] ?? event.reason ?? '';
      const facts = { ...params, cause, ...inputNumbers(params) };
      return sentence(this.codes.eventReasons.input_switched, facts) ?? event.detail;
    }
    if (event.kind === 'node_changed') {
      return sentence(this.codes.eventReasons[`node_${event.reason}`], params) ?? event.detail;
    }
    if (event.kind === 'job_changed') {
      const state = this.words.nodes.jobState[params.state ?? ''] ?? params.state ?? '';
      const why = sentence(this.codes.jobReasons[event.reason ?? ''], params);
      const facts = { ...params, state, ...(why ? { why } : {}) };
      return sentence(this.codes.eventReasons.job, facts) ?? event.detail;
    }
    if (event.kind === 'input_pinned') Object.assign(params, inputNumbers(params));
    return sentence(this.codes.eventReasons[event.reason ?? event.kind], params) ?? event.detail;
  }

  kind(kind: string): string {
    return this.codes.events[kind] ?? kind;
  }

  mistake(mistake: Pick<Mistake, 'code' | 'params' | 'detail'>): string {
    return sentence(this.codes.mistakes[mistake.code], mistake.params) ?? mistake.detail;
  }

  /** What failed, for a person. */
  failure(error: unknown): string {
    if (!(error instanceof RequestError)) return String(error);
    const { reason, params, detail, status } = error.problem;
    const told = sentence(this.codes.problems[reason ?? ''], params ?? {});
    if (told) return told;
    if (status === 403) return this.words.errors.forbidden;
    return detail || this.words.errors.status(status);
  }

  job(job: { reason: string | null; params: Params; detail: string }): string {
    if (!job.reason) return job.detail;
    return sentence(this.codes.jobReasons[job.reason], job.params) ?? job.detail;
  }

  number(value: number): string {
    return format.number(value, preferences.language);
  }

  duration(ms: number): string {
    return format.duration(ms, preferences.language);
  }

  clock(at: number): string {
    return format.clock(at, preferences.language, preferences.zone);
  }

  moment(at: number): string {
    return format.moment(at, preferences.language, preferences.zone);
  }

  /** The same moment in the zone that is not chosen. */
  otherMoment(at: number): string {
    const zone = preferences.zone === 'utc' ? 'local' : 'utc';
    return format.moment(at, preferences.language, zone);
  }
}

/** The API counts inputs from 0, people from 1. */
function inputNumbers(params: Params): Params {
  const numbers: Params = {};
  for (const key of ['from', 'to', 'input']) {
    const value = Number(params[key]);
    if (params[key] !== undefined && Number.isInteger(value)) numbers[key] = `${value + 1}`;
  }
  return numbers;
}

export const speech = new Speech();
