// The last minutes of one channel's figures, for lines and charts: a ring of fixed size. Pure.

import { INDICATORS, LOSS_CAUSES, type Channel } from '../api/types';

/** One sample a second: a quarter of an hour. */
export const SAMPLES_MAX = 900;

export interface Series {
  /** Seconds since the epoch. */
  times: number[];
  bitrates: (number | null)[];
  viewers: (number | null)[];
  /** Errors that were counted in each second. */
  errors: (number | null)[];
}

export class History {
  #times = new Float64Array(SAMPLES_MAX);
  #bitrates = new Float32Array(SAMPLES_MAX);
  #viewers = new Float32Array(SAMPLES_MAX);
  #errors = new Float32Array(SAMPLES_MAX);
  #count = 0;
  #total: number | null = null;

  get length(): number {
    return Math.min(this.#count, SAMPLES_MAX);
  }

  /** `fresh`: the figures are of now. What is old leaves a gap. */
  sample(now: number, channel: Channel, fresh: boolean): void {
    const at = this.#count % SAMPLES_MAX;
    const { status } = channel;
    const total = errorsOf(channel);
    this.#times[at] = now / 1000;
    this.#bitrates[at] = fresh ? status.bitrate_bps : Number.NaN;
    this.#viewers[at] = fresh ? status.viewers : Number.NaN;
    // After a reset the counters begin again: that is no error.
    const since = this.#total === null ? 0 : Math.max(0, total - this.#total);
    this.#errors[at] = fresh ? since : Number.NaN;
    if (fresh) this.#total = total;
    this.#count += 1;
  }

  /** The newest `count` bitrates, oldest first; null where nothing was known. */
  bitrates(count: number): (number | null)[] {
    return this.#last(this.#bitrates, count);
  }

  series(): Series {
    const count = this.length;
    return {
      times: this.#last(this.#times, count) as number[],
      bitrates: this.#last(this.#bitrates, count),
      viewers: this.#last(this.#viewers, count),
      errors: this.#last(this.#errors, count),
    };
  }

  #last(ring: Float32Array | Float64Array, count: number): (number | null)[] {
    const take = Math.min(count, this.length);
    const values: (number | null)[] = [];
    for (let back = take; back > 0; back -= 1) {
      const value = ring[(this.#count - back) % SAMPLES_MAX] ?? Number.NaN;
      values.push(Number.isNaN(value) ? null : value);
    }
    return values;
  }
}

/** All errors that a channel has counted: lost packets and indicators. */
export function errorsOf(channel: Channel): number {
  const { lost, tr101290 } = channel.status;
  const losses = LOSS_CAUSES.reduce((sum, cause) => sum + (lost[cause] ?? 0), 0);
  return INDICATORS.reduce((sum, indicator) => sum + (tr101290?.[indicator] ?? 0), losses);
}

/** An SVG path through the values, scaled to `width` and `height`, from zero; gaps stay gaps. */
export function linePath(values: (number | null)[], slots: number, width: number, height: number): string {
  const max = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
  if (max === 0 && values.every((value) => value === null)) return '';
  const step = width / Math.max(1, slots - 1);
  const from = slots - values.length;
  let path = '';
  let pen = 'M';
  values.forEach((value, index) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    const x = (from + index) * step;
    const y = height - (max === 0 ? 0 : (value / (max * 1.15)) * height);
    path += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
    pen = 'L';
  });
  return path;
}
