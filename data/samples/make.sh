#!/bin/sh
# Makes the sample videos anew: same ffmpeg, same bytes. Needs ffmpeg with libx264, libx265, libvpx, SVT-AV1 and the usual
# audio encoders; sources are ffmpeg's own test pictures and tones, so nobody else's rights are touched.
set -eu
cd "$(dirname "$0")"

exact="-fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1 -threads 1"
ff() { ffmpeg -nostdin -hide_banner -v error -y "$@"; }
picture() { echo "-f lavfi -i testsrc2=size=$1:rate=$2:duration=$3"; }
tone() { echo "-f lavfi -i sine=frequency=$1:sample_rate=48000:duration=$2"; }
h264="-c:v libx264 -preset veryfast -crf 36 -pix_fmt yuv420p -x264-params threads=1"
aac="-c:a aac -b:a 48k"

# One video and one audio track, the index at the front.
ff $(picture 320x180 25 4) $(tone 440 4) $h264 $aac $exact -movflags +faststart h264-aac.mp4
# Fragments, as a recorder or a streaming server writes them: the header knows no length.
ff $(picture 320x180 25 3) $(tone 440 3) $h264 $aac -g 25 $exact -movflags +frag_keyframe+empty_moov fragmented.mp4
# A phone held upright: stored lying down, turned by the player.
ff $(picture 320x180 30 3) $h264 $exact .upright.mp4
ff -i .upright.mp4 -c copy -metadata:s:v:0 rotate=270 -fflags +bitexact "phone upright.mov"
rm .upright.mp4
# With the tag that Apple's players ask for.
ff $(picture 320x180 10 3) -c:v libx265 -preset veryfast -crf 36 -tag:v hvc1 -x265-params log-level=none:pools=none:frame-threads=1:info=0 $exact hevc.mp4
ff $(picture 320x180 15 2) -c:v libsvtav1 -preset 10 -crf 50 -svtav1-params lp=1 $exact av1.mp4
# Subtitles, and a name with unicode.
printf '1\n00:00:00,500 --> 00:00:02,000\nEine Katze.\n\n2\n00:00:02,500 --> 00:00:05,500\nSie geht.\n' >.katze.srt
ff $(picture 320x180 25 5) $(tone 330 5) -i .katze.srt -map 0 -map 1 -map 2 $h264 $aac -c:s srt $exact \
  -metadata:s:a:0 language=ger -metadata:s:s:0 language=ger "Übersicht – Katze.mkv"
rm .katze.srt
# Three languages to choose from.
ff $(picture 160x90 25 4) $(tone 262 4) $(tone 330 4) $(tone 392 4) -map 0 -map 1 -map 2 -map 3 $h264 $aac -ac 1 $exact \
  -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra -metadata:s:a:2 language=jpn three-languages.mkv
ff $(picture 320x180 24 4) $(tone 440 4) -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 60k -c:a libopus -b:a 32k $exact vp9-opus.webm
ff $(picture 160x90 15 3) $(tone 440 3) -c:v libvpx -deadline realtime -cpu-used 8 -b:v 60k -c:a libvorbis -q:a 0 $exact vp8-vorbis.webm
ff $(picture 320x180 25 3) $(tone 440 3) $h264 $aac $exact -f mpegts broadcast.ts
ff $(tone 440 6) -c:a libvorbis -q:a 0 $exact vorbis.ogg
ff $(tone 440 5) -c:a libopus -b:a 24k $exact opus.ogg
ff $(tone 523 5) -c:a libmp3lame -b:a 32k -ac 1 $exact tone.mp3
ff $(tone 523 2) -c:a pcm_s16le -ar 16000 -ac 1 $exact tone.wav
ff $(tone 523 2) -c:a flac -ar 16000 -ac 1 $exact tone.flac
ff $(tone 523 4) -c:a aac -b:a 32k -ac 2 $exact tone.m4a

# Broken ones, as downloads and disks leave them behind; of the last one a part can still be seen.
: >broken/empty.mp4
printf 'This is a page that a server sent in place of the video.\n' >broken/text.mp4
ff $(picture 160x90 25 4) $h264 $exact .whole.mp4
head -c 9000 .whole.mp4 >broken/cut-before-index.mp4
ff -i .whole.mp4 -c copy $exact -movflags +faststart .front.mp4
head -c 9000 .front.mp4 >cut-after-index.mp4
rm .whole.mp4 .front.mp4
