"""A real nginx sends the clips: under the same one-time addresses, and as blind as before."""

import threading
import time
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from flowact.bench.free_port import free_port
from study.database.models import MediaToken
from study.server import api
from tests.nginx import nginx
from tests.study.tiny import someone

EDGE = Path(__file__).resolve().parents[3] / "deploy" / "edge" / "study-clips.conf"


@pytest.fixture
def served(context, monkeypatch):
    """The study's routes on a port of their own, and nginx before them."""
    app, port = FastAPI(), free_port()
    api.install_refusals(app.add_exception_handler)
    app.include_router(api.router(context))
    settings = uvicorn.Config(app, port=port, log_level="error")
    server = uvicorn.Server(settings)
    threading.Thread(target=server.run, daemon=True).start()
    clips = EDGE.read_text().replace("/srv/study/stimuli", str(context.stimuli))
    pages = f"location / {{ proxy_pass http://127.0.0.1:{port}; }}"
    with nginx(f"server {{ listen LISTEN; {pages} {clips} }}") as edge:
        while not server.started:
            time.sleep(0.02)
        monkeypatch.setenv("STUDY_ACCEL", "/study-clips/")
        with httpx.Client(base_url=edge) as client:
            yield client
    server.should_exit = True


def test_the_bytes_come_from_nginx_and_the_first_fetch_is_noted(served, client, context):
    person = someone(client, context)
    person.admit()
    pair = client.post("/api/next", json={"participant": person.token}).json()
    addresses = [f"/media/{pair[side]}" for side in ("left", "right")]
    found = [served.get(address) for address in addresses]
    with context.store.read() as session:
        rows = session.query(MediaToken).all()
        assert all(row.fetched_at is not None for row in rows)
        kept = {row.file: (context.stimuli / Path(row.file).name).read_bytes() for row in rows}
    assert sorted(answer.content for answer in found) == sorted(kept.values())
    for answer in found:
        assert answer.headers["content-type"] == "video/mp4"
        assert answer.headers["cache-control"] == "no-store"
        assert not {"etag", "last-modified", "x-accel-redirect"} & set(answer.headers)
    left, right = ({**answer.headers, "date": ""} for answer in found)
    assert left == right, "and no header tells the two sides apart"
    part = served.get(addresses[0], headers={"range": "bytes=10-19"})
    assert part.status_code == 206 and part.content == found[0].content[10:20]
    assert not {"etag", "last-modified"} & set(part.headers)
    assert served.get("/study-clips/anything.mp4").status_code == 404, "internal only"
    assert served.get("/media/" + "x" * 22).status_code == 404
