// The form of the tables of sentences for codes, and how a sentence is made of code and facts. Pure.

import type { Indicator, LossCause, Origin, Params, Reason } from '../api/types';
import type { Health } from '../lib/health';

export interface ReasonWords {
  short: string;
  why: string;
  act: string;
}

export interface Codes {
  states: Record<Health, string>;
  reasons: Record<Reason, ReasonWords>;
  /** The same of a rendition, which comes from a processing node and not from a group. */
  fromNode: Partial<Record<Reason, { why: string; act: string }>>;
  indicators: Record<Indicator, string>;
  indicatorHelp: Record<Indicator, string>;
  losses: Record<LossCause, { name: string; unit: string }>;
  origins: Record<Origin, string>;
  events: Record<string, string>;
  eventReasons: Record<string, string>;
  mistakes: Record<string, string>;
  problems: Record<string, string>;
  jobReasons: Record<string, string>;
  /** How an input fares, and why another one was taken. */
  conditions: Record<string, string>;
}

/** The facts that a template wants: those that must be there, and those in brackets. */
export function factsOf(template: string): { needed: string[]; optional: string[] } {
  const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  const optional = [...template.matchAll(/\[([^\]]*)\]/g)].flatMap((match) => names(match[1] as string));
  const needed = names(template.replace(/\[([^\]]*\{[^\]]*)\]/g, ''));
  return { needed, optional };
}

/** The sentence; null where a fact is missing that it can't do without. */
export function sentence(template: string | undefined, params: Params): string | null {
  if (template === undefined) return null;
  // A bracket without a fact in it is a bracket.
  const chosen = template.replace(/\[([^\]]*\{\w+\}[^\]]*)\]/g, (_, part: string) =>
    factsOf(part).needed.every((name) => params[name]) ? part : '',
  );
  let whole = true;
  const text = chosen.replace(/\{(\w+)\}/g, (_, name: string) => {
    const fact = params[name];
    if (fact === undefined) whole = false;
    return fact ?? '';
  });
  return whole ? text : null;
}
