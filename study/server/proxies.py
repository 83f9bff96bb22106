"""Whom a request comes from, when proxies stand before the server."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from fastapi import Request

from study.voting.context import StudyContext


def caller_address(request: Request, context: StudyContext) -> str:
    """Network address; X-Forwarded-For is believed only from a configured proxy."""
    address = _peer(request)
    proxies = context.config.server.trusted_proxies
    if not is_trusted(address, proxies):
        return address
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",")]
    strangers = [hop for hop in hops if hop and not is_trusted(hop, proxies)]
    return strangers[-1] if strangers else address


def over_https(request: Request, context: StudyContext) -> bool:
    """Whether the browser speaks HTTPS; X-Forwarded-Proto is believed only from a configured proxy."""
    server = context.config.server
    if server.https or request.url.scheme == "https":
        return True
    proxied = is_trusted(_peer(request), server.trusted_proxies)
    return proxied and request.headers.get("x-forwarded-proto", "") == "https"


def is_trusted(address: str, proxies: Sequence[str]) -> bool:
    """Whether an address is one of `proxies`, or in a network among them (10.0.0.0/8)."""
    if address in proxies:
        return True
    networks = _networks(tuple(proxies))
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(proxy) for proxy in proxies if "/" in proxy)


def _peer(request: Request) -> str:
    return request.client.host if request.client else "unknown"
