// Who did something, as an ingest's events name them. Pure.

/** `token/ui/ann` is ann, who came through the UI with its token; `token/ops` is whoever has that one. */
export function personOf(actor: string): string {
  const [, , ...person] = actor.split('/');
  return person.length > 0 ? person.join('/') : actor.replace(/^token\//, '');
}
