// Pictures as processing nodes make them: ffmpeg's own test sources. Without ffmpeg there are none.

import { spawnSync } from 'node:child_process';

const SOURCES = [
  'testsrc2=size=640x360',
  'smptehdbars=size=640x360',
  'mandelbrot=size=640x360:start_scale=0.6',
  'gradients=size=640x360:c0=0x0b3d5c:c1=0xd98a3d:x0=0:y0=0:x1=640:y1=360:nb_colors=2',
  'gradients=size=640x360:c0=0x173f2a:c1=0xb7d6a0:x0=0:y0=360:x1=640:y1=0:nb_colors=2',
  'rgbtestsrc=size=640x360',
  'gradients=size=640x360:c0=0x2b1145:c1=0xe05a7a:nb_colors=2',
];

export function testPictures() {
  const made = SOURCES.map((source) =>
    spawnSync(
      'ffmpeg',
      ['-v', 'error', '-f', 'lavfi', '-i', source, '-frames:v', '1', '-q:v', '5', '-f', 'mjpeg', 'pipe:1'],
      {
        maxBuffer: 1 << 24,
      },
    ),
  );
  return made.filter(({ status, stdout }) => status === 0 && stdout.length > 0).map(({ stdout }) => stdout);
}
