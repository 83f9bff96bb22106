"""Talk to a running live page without a browser, and keep what it showed as mp4.

Shows the protocol of `flowact.live.protocol`: a ticket, `hello`, `say`, and the header of every frame. Start
the page first (`flowact live` or `python app.py`), and let it have a voice (`apt install flite`).

    python examples/websocket_client.py --text "Good morning." --out said.mp4
"""

import argparse
import json
import time
from pathlib import Path

import httpx
from websockets.sync.client import connect

from flowact.live.protocol.binary import MessageKind, unpack


def ticket(page: str) -> str:
    """Ask the page for a visitor's ticket, as its own script does."""
    parts = httpx.get(f"{page}/config").json()["components"]
    part = next(each for each in parts if each["props"].get("server_fns"))
    asked = {"component_id": part["id"], "fn_name": "issue_ticket", "session_hash": "example"}
    reply = httpx.post(f"{page}/gradio_api/component_server", json={"data": {}, **asked})
    return str(reply.raise_for_status().json())


def main(argv: list[str] | None = None) -> None:
    """Say a text, count what comes, keep the recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--page", default="http://127.0.0.1:7860", help="%(default)s")
    parser.add_argument("--text", help="what to say; without it the sample sentence is played")
    parser.add_argument("--out", type=Path, required=True, help="the mp4 file")
    args = parser.parse_args(argv)
    say = {"type": "say", "text": args.text} if args.text else {"type": "sample", "name": "welcome"}
    came, begun = list[float](), time.monotonic()
    with connect(args.page.replace("http", "ws", 1) + "/live/socket", max_size=None) as socket:
        socket.send(json.dumps({"type": "hello", "token": ticket(args.page)}))
        for message in socket:
            if isinstance(message, bytes):
                if unpack(message)[0].kind in (MessageKind.H264, MessageKind.JPEG):
                    came.append(time.monotonic() - begun)
                    if len(came) % 50 == 0:  # who is silent for 15 s is taken for gone
                        socket.send(json.dumps({"type": "ping", "at": 0.0}))
            elif (told := json.loads(message))["type"] == "welcome":
                resume = told["resume"]
                socket.send(json.dumps(say))
            elif told["type"] == "error":
                raise SystemExit(told["text"])
            elif told["type"] == "finished":
                break
        video = httpx.get(f"{args.page}/live/recording", params={"ticket": resume}, timeout=60)
        socket.send(json.dumps({"type": "bye"}))
    args.out.write_bytes(video.raise_for_status().content)
    print(f"first of {len(came)} frames after {1000 * came[0]:.0f} ms")


if __name__ == "__main__":
    main()
