#!/bin/sh
# Makes the two elementary streams of the built-in test card. They are committed: this runs only
# when the card itself shall change. Needs ffmpeg with libx264 and drawtext, and DejaVu fonts
# (Debian: ffmpeg fonts-dejavu-core).
#
# 9.6 s is the shortest loop of whole key frame groups that is a whole number of video frames (240
# at 25 a second) and of AAC frames (450 of 1024 samples at 48 kHz): looped, neither clock slips.
set -eu
cd "$(dirname "$0")"
font=/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf
box="fontfile=$font:fontcolor=white:box=1:boxcolor=black:boxborderw=16"

# A group of 24 frames divides 240; ten groups, so that idr_pic_id alternates over the seam too.
# A buffer of 0.45 s at the stream's own rate bounds how early the multiplexer must send.
ffmpeg -v error -y -f lavfi -i testsrc2=size=1280x720:rate=25:duration=9.6 \
  -vf "drawtext=$box:fontsize=56:x=(w-text_w)/2:y=h*0.66:text='encoder test card',\
drawtext=$box:fontsize=72:x=(w-text_w)/2:y=h*0.80:text='%{pts\:hms}'" \
  -c:v libx264 -preset veryslow -profile:v high -level 3.1 -pix_fmt yuv420p -threads 1 \
  -b:v 800k -maxrate 800k -bufsize 360k \
  -x264-params keyint=24:min-keyint=24:scenecut=0:open-gop=0:bframes=0:aud=1 \
  -bsf:v filter_units=remove_types=6 -f h264 card.h264

# 1 kHz has a whole number of waves in 9.6 s; the frames are cut from the middle of a longer tone,
# so that neither the encoder's start nor its end is in the loop.
tone=$(mktemp --suffix=.aac)
trap 'rm -f "$tone"' EXIT
ffmpeg -v error -y -f lavfi -i "sine=frequency=1000:sample_rate=48000:duration=14" \
  -af volume=-6dB -ac 2 -c:a aac -b:a 96k -f adts "$tone"
ffmpeg -v error -y -i "$tone" -ss 2.1333 -c copy -frames:a 450 -f adts card.aac
ls -l card.h264 card.aac
