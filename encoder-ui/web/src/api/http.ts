// Requests to encoder-ui. What fails is thrown as one kind of error that says what failed.

import type { Problem } from './types';

/** A request was not answered as asked. `status` 0: there was no answer at all. */
export class RequestError extends Error {
  readonly problem: Problem;
  readonly retryAfterSeconds: number | null;

  constructor(problem: Problem, retryAfterSeconds: number | null = null) {
    super(problem.detail);
    this.problem = problem;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get status(): number {
    return this.problem.status;
  }
}

/** No answer for so long is none. Diagnoses look on one NIC after another, which takes a while. */
const ANSWER_WITHIN_MS = 15_000;
const SLOW_ANSWER_WITHIN_MS = 60_000;

let whenLoggedOut: () => void = () => {};

/** Called when the server wants a login. */
export function onLoggedOut(action: () => void): void {
  whenLoggedOut = action;
}

let whenRoleRefused: () => void = () => {};

/** Called when the server says that the user's role is not enough. */
export function onRoleRefused(action: () => void): void {
  whenRoleRefused = action;
}

export interface Request {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  json?: unknown;
  text?: string;
  contentType?: string;
  headers?: Record<string, string>;
  slow?: boolean;
}

export async function send(path: string, request: Request = {}): Promise<Response> {
  const headers: Record<string, string> = { ...request.headers };
  let body: string | undefined;
  if (request.json !== undefined) {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(request.json);
  } else if (request.text !== undefined) {
    headers['content-type'] = request.contentType ?? 'text/plain';
    body = request.text;
  }
  const signal = AbortSignal.timeout(request.slow ? SLOW_ANSWER_WITHIN_MS : ANSWER_WITHIN_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method: request.method ?? 'GET',
      headers,
      signal,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body }),
    });
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === 'TimeoutError';
    const reason = timedOut ? 'no_answer_in_time' : 'unreachable';
    throw new RequestError({ title: '', status: 0, detail: String(error), reason });
  }
  if (response.ok) return response;
  const error = await refusal(response);
  if (response.status === 401 && path !== '/api/login') whenLoggedOut();
  if (response.status === 403 && error.problem.reason === 'role') whenRoleRefused();
  throw error;
}

export async function getJson<T>(path: string): Promise<T> {
  const response = await send(path);
  return (await response.json()) as T;
}

/** A path of an ingest's own API. */
export function ingestPath(ingest: string, rest: string): string {
  return `/api/ingests/${encodeURIComponent(ingest)}/v1/${rest}`;
}

export function channelPath(ingest: string, id: string, rest = ''): string {
  return ingestPath(ingest, `channels/${encodeURIComponent(id)}${rest}`);
}

async function refusal(response: Response): Promise<RequestError> {
  const retry = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
  const retryAfter = Number.isFinite(retry) ? retry : null;
  let problem: Problem = {
    title: response.statusText,
    status: response.status,
    detail: response.statusText,
  };
  try {
    const told: unknown = await response.json();
    if (told && typeof told === 'object' && 'detail' in told) {
      problem = { ...problem, ...(told as Problem), status: response.status };
    }
  } catch {
    // No problem document: the status is all that is known.
  }
  return new RequestError(problem, retryAfter);
}
