// Figures and times as people read them. Pure: language, zone and `now` are arguments.

export type Language = 'en' | 'zh';
export type Zone = 'local' | 'utc';

const LOCALE: Record<Language, string> = { en: 'en-GB', zh: 'zh-CN' };

export function bitrate(bps: number): string {
  if (bps >= 1e9) return `${(bps / 1e9).toFixed(2)} Gbit/s`;
  if (bps >= 1e6) return `${(bps / 1e6).toFixed(bps >= 1e8 ? 0 : bps >= 1e7 ? 1 : 2)} Mbit/s`;
  if (bps >= 1e3) return `${(bps / 1e3).toFixed(0)} kbit/s`;
  return `${bps} bit/s`;
}

export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value >= 100 ? 0 : 1)} ${units[unit]}`;
}

const numbers = new Map<Language, Intl.NumberFormat>();

export function number(value: number, language: Language): string {
  let format = numbers.get(language);
  if (!format) {
    format = new Intl.NumberFormat(LOCALE[language]);
    numbers.set(language, format);
  }
  return format.format(value);
}

/** `42 s`, `3 min`, `2 h 5 min`, `4 d 3 h`: what is between two moments. */
export function duration(ms: number, language: Language): string {
  const [s, min, h, d] = language === 'zh' ? ['秒', '分', '小时', '天'] : ['s', 'min', 'h', 'd'];
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  const two = (a: number, unitA: string, b: number, unitB: string) =>
    b === 0 ? `${a} ${unitA}` : `${a} ${unitA} ${b} ${unitB}`;
  if (days > 0) return two(days, d as string, hours % 24, h as string);
  if (hours > 0) return two(hours, h as string, minutes % 60, min as string);
  if (minutes > 0) return `${minutes} ${min}`;
  return `${seconds} ${s}`;
}

const times = new Map<string, Intl.DateTimeFormat>();

function timeFormat(language: Language, zone: Zone, kind: 'time' | 'both'): Intl.DateTimeFormat {
  const key = `${language} ${zone} ${kind}`;
  let format = times.get(key);
  if (!format) {
    const date = { year: 'numeric', month: '2-digit', day: '2-digit' } as const;
    const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const;
    format = new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'sv-SE', {
      ...(kind === 'both' ? date : {}),
      ...time,
      ...(zone === 'utc' ? { timeZone: 'UTC' } : {}),
    });
    times.set(key, format);
  }
  return format;
}

/** The time of day. */
export function clock(at: number, language: Language, zone: Zone): string {
  return timeFormat(language, zone, 'time').format(at);
}

/** Date and time. */
export function moment(at: number, language: Language, zone: Zone): string {
  const text = timeFormat(language, zone, 'both').format(at).replaceAll('/', '-');
  return zone === 'utc' ? `${text} UTC` : text;
}

/** In hexadecimal beside decimal, as analysers show PIDs. */
export function pid(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(4, '0')}`;
}
