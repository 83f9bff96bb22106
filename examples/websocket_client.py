"""Talk to a running live page without a browser, and keep what it showed as mp4.

Shows the socket `flowact.v1` without a client's help: a page token, the subprotocol, events, the header of every
frame. Start the page first (`flowact live` or `python app.py`), and let it have a voice (`apt install flite`). A
program of its own is better made with a key and `flowact.client`; see `session_client.py`.

    python examples/websocket_client.py --text "Good morning." --out said.mp4
"""

import argparse
import json
import time
from pathlib import Path

import httpx
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from flowact.live.protocol.binary import MessageKind, unpack


def page_token(page: str) -> str:
    """Ask the page for a token, as its own script does."""
    parts = httpx.get(f"{page}/config").json()["components"]
    part = next(each for each in parts if each["props"].get("server_fns"))
    asked = {"component_id": part["id"], "fn_name": "issue_ticket", "session_hash": "example"}
    reply = httpx.post(f"{page}/gradio_api/component_server", json={"data": {}, **asked})
    return str(reply.raise_for_status().json())


def bearer(token: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def main(argv: list[str] | None = None) -> None:
    """Say a text, count what comes, keep the recording."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--page", default="http://127.0.0.1:7860", help="%(default)s")
    parser.add_argument("--text", help="what to say; without it the sample sentence is played")
    parser.add_argument("--out", type=Path, required=True, help="the mp4 file")
    args = parser.parse_args(argv)
    say = {"type": "text.say", "text": args.text}
    say = say if args.text else {"type": "sample.play", "name": "welcome"}
    came, begun = list[float](), time.monotonic()
    with connect(
        f"{args.page.replace('http', 'ws', 1)}/v1/socket",
        subprotocols=[Subprotocol("flowact.v1")],
        additional_headers=bearer(page_token(args.page)),
        max_size=None,
    ) as socket:
        for message in socket:
            if isinstance(message, bytes):
                if unpack(message)[0].kind in (MessageKind.H264, MessageKind.JPEG):
                    came.append(time.monotonic() - begun)
                    if len(came) % 50 == 0:  # who is silent for 15 s is taken for gone
                        socket.send(json.dumps({"type": "ping"}))
            elif (event := json.loads(message))["type"] == "session.created":
                session = event
                socket.send(json.dumps(say))
            elif event["type"] == "error":
                raise SystemExit(event["message"])
            elif event["type"] == "playback.finished":
                break
        address = f"{args.page}/v1/sessions/{session['session']}/recording"
        video = httpx.get(address, headers=bearer(session["resume_token"]), timeout=60)
        socket.send(json.dumps({"type": "session.close"}))
    args.out.write_bytes(video.raise_for_status().content)
    print(f"first of {len(came)} frames after {1000 * came[0]:.0f} ms")


if __name__ == "__main__":
    main()
