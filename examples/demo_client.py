"""Paints a picture or a video by a demo that runs somewhere: demo_client.py URL INPUT OUTPUT [STYLE]"""

import mimetypes
import sys
from pathlib import Path

import httpx
from gradio_client import Client


def main(url: str, source: str, output: str, style: str = "starry_night") -> None:
    kind = "video" if (mimetypes.guess_type(source)[0] or "").startswith("video") else "picture"
    with httpx.Client(base_url=url, timeout=600) as server:
        # The cookie of the answer says whose file it is.
        answer = server.put(
            f"/vidstyle/upload/{kind}", params={"name": Path(source).name}, content=Path(source).read_bytes()
        )
        file = answer.json()
        if "error" in file:
            raise SystemExit(file["error"])
        cookie = "; ".join(f"{name}={value}" for name, value in server.cookies.items())
        client = Client(url, headers={"Cookie": cookie}, verbose=False)
        known = [one["key"] for one in client.predict(api_name="/styles")]
        if style not in known:
            raise SystemExit(f"{style}: there are {', '.join(known)}")
        if kind == "video":
            place = client.predict(file["id"], style, 1.0, False, 0.0, 0.0, api_name="/restyle")
        else:
            place = client.predict(file["id"], style, 1.0, False, api_name="/picture")
        Path(output).write_bytes(server.get(place).raise_for_status().content)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
