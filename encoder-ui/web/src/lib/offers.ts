// What an ingest's description (OpenAPI) says that it can do, so that the page of an older one has no
// button that leads nowhere. Pure.

/** What not every ingest can do: method and path, with `{}` for what is named in it. */
export const OPERATIONS = {
  capture: 'get /channels/{}/capture.ts',
  diagnose: 'post /channels/{}/diagnose',
  pin: 'post /channels/{}/pin',
} as const;

export type Operation = keyof typeof OPERATIONS;

const PREFIX = '/api/v1';

/** All that a description names, in the form of `OPERATIONS`. */
export function operationsOf(description: unknown): Set<string> {
  const found = new Set<string>();
  const { paths } = (description ?? {}) as { paths?: Record<string, object> };
  for (const [path, methods] of Object.entries(paths ?? {})) {
    const own = path.startsWith(PREFIX) ? path.slice(PREFIX.length) : path;
    for (const method of Object.keys(methods)) found.add(`${method} ${own.replace(/\{[^}]*\}/g, '{}')}`);
  }
  return found;
}
