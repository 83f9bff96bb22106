"""Which web pages may open a connection: those of this server, and those that its owner names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit


def is_allowed(headers: Mapping[str, str], allowed: Sequence[str] = ()) -> bool:
    """Decide from a request's headers.

    Browsers always send `Origin` with a WebSocket and cannot be made to send another; a request
    without one does not come from a web page. Behind a proxy the public name is in
    `X-Forwarded-Host`, which a page cannot set either.

    Args:
        headers: with lower-case names.
        allowed: further origins, like `https://example.org`.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    if origin in allowed:
        return True
    hosts = {headers.get("host", ""), *headers.get("x-forwarded-host", "").split(",")}
    return urlsplit(origin).netloc in {host.strip() for host in hosts if host.strip()}
