// The stream of server-sent events, read by hand: EventSource hides the comments that tell a silent
// stream from a dead one.

export interface StreamMessage {
  event: string;
  data: string;
}

/** Text in pieces of any size becomes messages. */
export class StreamParser {
  #rest = '';
  #event = '';
  #data: string[] = [];

  push(text: string): StreamMessage[] {
    const messages: StreamMessage[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line, messages);
    return messages;
  }

  #line(line: string, messages: StreamMessage[]): void {
    if (line === '') {
      if (this.#data.length > 0) {
        messages.push({ event: this.#event || 'message', data: this.#data.join('\n') });
      }
      this.#event = '';
      this.#data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
  }
}

export type StreamEnd = 'lost' | 'login';

/** Silence for so long means that the connection is dead: a comment comes each second. */
export const SILENCE_MS = 5000;

export interface StreamListener {
  opened(): void;
  /** Something came, if only a comment. */
  heard(): void;
  take(message: StreamMessage): void;
}

/** Reads one stream until it ends. */
export async function readStream(
  path: string,
  signal: AbortSignal,
  listener: StreamListener,
): Promise<StreamEnd> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  try {
    const response = await fetch(path, {
      headers: { accept: 'text/event-stream' },
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (response.status === 401) return 'login';
    if (!response.ok || !response.body) return 'lost';
    listener.opened();
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new StreamParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return 'lost';
      alive();
      listener.heard();
      for (const message of parser.push(decoder.decode(value, { stream: true }))) listener.take(message);
    }
  } catch {
    return 'lost';
  } finally {
    clearTimeout(timer);
    // Whatever ended it, nothing of it stays open.
    silence.abort();
  }
}
