"""Short-lived signed tickets: proof that a connection comes from a page that this server made."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flowact.errors import UserError

LIFETIME: Final = 600.0
"""Seconds; the page fetches a new one every few minutes."""
_SIGNATURE_BYTES: Final = 32


@dataclass(frozen=True)
class Tickets:
    """Issues and checks tickets; the key lives as long as the process, unless one is given.

    Attributes:
        key: signs; give the same one to several servers behind one address.
        now: seconds since 1970.
    """

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    now: Callable[[], float] = time.time

    def issue(self, purpose: str, subject: str, lifetime: float = LIFETIME) -> str:
        """Return a ticket for one purpose (`visit`, `place`) and one subject (a name)."""
        body = f"{purpose}.{subject}.{self.now() + lifetime:.0f}".encode()
        return urlsafe_b64encode(self._sign(body) + body).decode()

    def check(self, ticket: str, purpose: str) -> str:
        """Return the subject of a valid ticket.

        Raises:
            UserError: forged, for something else, or too old.
        """
        try:
            data = urlsafe_b64decode(ticket.encode())
            signature, body = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
            if not hmac.compare_digest(signature, self._sign(body)):
                raise ValueError("signature")
            named, _, rest = body.decode().partition(".")
            subject, _, until = rest.rpartition(".")
            if named != purpose:
                raise ValueError("purpose")
        except (ValueError, Base64Error) as error:
            raise UserError("This page's ticket is not valid; load the page again.") from error
        if self.now() > float(until):
            raise UserError("This page has been open for too long; load it again.")
        return subject

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self.key, body, hashlib.sha256).digest()
