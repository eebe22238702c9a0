// The page's icon with the number of ill channels on it.

let drawn: string | null = null;

export function drawFavicon(mark: string): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link || drawn === mark) return;
  drawn = mark;
  if (mark === '') {
    link.type = 'image/svg+xml';
    link.href = '/icon.svg';
    return;
  }
  const size = 64;
  const canvas = document.createElement('canvas');
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext('2d');
  if (!pen) return;
  pen.fillStyle = '#c02418';
  pen.beginPath();
  pen.roundRect(0, 0, size, size, 14);
  pen.fill();
  pen.fillStyle = '#fff';
  const text = mark.length > 2 ? '99' : mark;
  pen.font = `700 ${text.length > 1 ? 40 : 48}px system-ui, sans-serif`;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, size / 2, size / 2 + 3);
  link.type = 'image/png';
  link.href = canvas.toDataURL('image/png');
}
