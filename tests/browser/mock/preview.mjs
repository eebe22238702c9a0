// A preview as encoder-ui gives it: TS in binary messages of a WebSocket (RFC 6455), made by ffmpeg.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const PICTURE = 'gradients=size=960x540:rate=25:c0=0x10355c:c1=0xd8843a:speed=0.02:nb_colors=2';

export function answerPreview(request, socket) {
  const accept = createHash('sha1')
    .update(request.headers['sec-websocket-key'] + GUID)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  const ffmpeg = spawn('ffmpeg', [
    ...['-v', 'quiet', '-re', '-f', 'lavfi', '-i', PICTURE, '-f', 'lavfi', '-i', 'sine=sample_rate=48000'],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-pix_fmt', 'yuv420p', '-g', '25'],
    ...['-c:a', 'aac', '-f', 'mpegts', 'pipe:1'],
  ]);
  ffmpeg.on('error', () => socket.destroy());
  ffmpeg.stdout.on('data', (data) => socket.write(Buffer.concat([head(data.length), data])));
  const end = () => ffmpeg.kill();
  socket.on('close', end);
  socket.on('error', end);
  socket.on('data', (data) => (data[0] & 0x0f) === 8 && socket.end());
}

/** The head of a binary message that is whole. */
function head(length) {
  if (length < 126) return Buffer.from([0x82, length]);
  if (length < 65_536) return Buffer.from([0x82, 126, length >> 8, length & 255]);
  const long = Buffer.alloc(10);
  long.writeUInt16BE(0x827f, 0);
  long.writeBigUInt64BE(BigInt(length), 2);
  return long;
}
