// Hands a file that the page made to the browser, to be kept.

/** The browser reads it after the click; then its memory is given back. */
const KEPT_MS = 10_000;

export function download(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}
