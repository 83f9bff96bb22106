"""A throw-away nginx on a free port of this machine, before servers of this process."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from flowact.bench.free_port import free_port


@contextmanager
def nginx(http: str) -> Iterator[str]:
    """Serve with the content of an `http` block, in which LISTEN is the address; gives that address."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    folder, port = Path(tempfile.mkdtemp(prefix="flowact-nginx-")), free_port()
    (folder / "nginx.conf").write_text(
        f"""daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;
        events {{}}
        http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
          fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
          {http.replace("LISTEN", f"127.0.0.1:{port}")} }}"""
    )
    process = subprocess.Popen([program, "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        address = f"http://127.0.0.1:{port}"
        limit = time.monotonic() + 20
        while not answers(address):
            assert process.poll() is None and time.monotonic() < limit, (folder / "log").read_text()
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def answers(address: str) -> bool:
    try:
        httpx.get(f"{address}/nothing-here", timeout=1)
    except httpx.TransportError:
        return False
    return True
