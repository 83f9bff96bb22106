"""Sessions in Redis or Valkey: sealed, forgotten after a minute, fenced by generations."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from flowact.errors import UserError
from flowact.live.continuity.kept_session import KeptSession, from_bytes, to_bytes
from flowact.live.continuity.sealing import Seal
from flowact.live.continuity.store import Claimed, StaleError, StoreUnavailableError

_log = logging.getLogger(__name__)

KEPT_MS: Final = 60_000
DEADLINE_SECONDS: Final = 0.1
"""No viewer waits longer for the store."""
PAUSES_SECONDS: Final = (0.1, 0.3)
REST_SECONDS: Final = 2.0
"""After a failure nobody asks for so long."""
_PUT: Final = """
local newest = tonumber(redis.call('HGET', KEYS[1], 'generation') or '0')
if newest > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'state', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
"""
_CLAIM: Final = """
local state = redis.call('HGET', KEYS[1], 'state')
if not state then return false end
local picture = redis.call('GET', KEYS[2]) or ''
local generation = redis.call('HINCRBY', KEYS[1], 'generation', 1)
return {state, picture, generation}
"""


class RedisSnapshots:
    """A `SnapshotStore` that all servers share.

    Args:
        url: like `redis://127.0.0.1:6379`.
        secret: the servers' shared secret.
        now: seconds of a monotonic clock.

    Raises:
        UserError: that is no address of a store.
    """

    def __init__(self, url: str, secret: bytes, now: Callable[[], float] = time.monotonic) -> None:
        try:
            self._redis: Redis = Redis.from_url(
                url,
                socket_timeout=DEADLINE_SECONDS,
                socket_connect_timeout=DEADLINE_SECONDS,
            )
        except ValueError as error:
            raise UserError(f"--store {url!r} is no address of a store ({error}).") from error
        self._url, self._seal, self._now = url, Seal(secret), now
        self._asks_again = 0.0

    async def check(self) -> None:
        """Ask once.

        Raises:
            UserError: it does not answer.
        """
        try:
            await self._ask(lambda: self._redis.ping())
        except StoreUnavailableError as error:
            raise UserError(
                f"The store at {self._url} does not answer; start it, or leave --store out."
            ) from error

    async def begin(self, session: str, picture: bytes) -> None:
        """See `SnapshotStore`."""
        key = _picture(session)
        sealed = self._seal.close(picture, key)
        await self._ask(lambda: self._redis.set(key, sealed, px=KEPT_MS))

    async def put(self, kept: KeptSession) -> None:
        """See `SnapshotStore`."""
        session, generation = kept.origin.session, kept.origin.generation
        keys = (_state(session), _picture(session))
        sealed = self._seal.close(to_bytes(kept), keys[0])
        arguments = (*keys, generation, sealed, KEPT_MS)
        if not await self._ask(lambda: self._redis.eval(_PUT, 2, *arguments)):
            raise StaleError(session)

    async def claim(self, session: str) -> Claimed | None:
        """See `SnapshotStore`; what cannot be opened or read is not kept."""
        keys = (_state(session), _picture(session))
        found = await self._ask_patiently(lambda: self._redis.eval(_CLAIM, 2, *keys))
        if not found:
            return None
        state, picture, generation = found
        try:
            kept = _of(from_bytes(self._seal.open(state, keys[0])), int(generation))
            return Claimed(kept, self._seal.open(picture, keys[1]) if kept.origin.uploaded else b"")
        except ValueError as error:
            _log.error("session %s is kept, and cannot go on here: %s", session, error)
            return None

    async def drop(self, session: str) -> None:
        """See `SnapshotStore`."""
        await self._ask(lambda: self._redis.delete(_state(session), _picture(session)))

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def _ask_patiently(self, question: Callable[[], Any]) -> Any:
        """Ask again where there is no answer: what is claimed is a session that would else begin anew."""
        for pause in PAUSES_SECONDS:
            try:
                return await self._ask(question)
            except StoreUnavailableError:
                await asyncio.sleep(pause)
                self._asks_again = 0.0
        return await self._ask(question)

    async def _ask(self, question: Callable[[], Any]) -> Any:
        if self._now() < self._asks_again:
            raise StoreUnavailableError
        try:
            return await cast(Awaitable[Any], question())
        except (RedisError, OSError, TimeoutError) as error:
            self._asks_again = self._now() + REST_SECONDS
            _log.warning("the store does not answer: %s", type(error).__name__)
            raise StoreUnavailableError from error


def _of(kept: KeptSession, generation: int) -> KeptSession:
    return replace(kept, origin=replace(kept.origin, generation=generation))


def _state(session: str) -> str:
    return f"flowact:session:{session}"


def _picture(session: str) -> str:
    return f"flowact:picture:{session}"
