#!/bin/sh
# FFmpeg 8.1 shows a picture of a GIF for a hundredth of a second where it says so, and has no option against it.
#
# Browsers, and ffmpeg 5.1, show a picture whose delay is 0 or 1 hundredths for a tenth of a second, which
# old encoders meant by it; FFmpeg's option min_delay said so (2 by default).  The demuxer takes the option still, and
# whatever its value, delays of 1 stay 1; only 0 becomes 10.  A GIF of 30 such pictures lasts 3 s in browsers and 0.3 s
# by FFmpeg 8.1.
#
# Seen with PyAV 18.1.0 (FFmpeg 8.1.2), Pillow 12.3.0, Python 3.11:
#     delay 1: pictures last [1, 1, 1] hundredths; with min_delay=2 [1, 1, 1]
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet av==18.1.0 pillow==12.3.0
venv/bin/python - <<'PYTHON'
import av
from PIL import Image

pictures = [Image.new("L", (64, 48), 60 * number) for number in range(3)]
pictures[0].save("short.gif", save_all=True, append_images=pictures[1:], duration=10)


def delays(options: dict[str, str]) -> list[int]:
    with av.open("short.gif", options=options) as container:
        return [packet.duration for packet in container.demux(video=0) if packet.size]


plain, told = delays({}), delays({"min_delay": "2"})
print(f"delay 1: pictures last {plain} hundredths; with min_delay=2 {told}")
if plain != [1, 1, 1] or told != [1, 1, 1]:
    raise SystemExit("this has changed")
PYTHON
