"""Faces and voices leave a server only sealed: AES-GCM under a key that the servers share."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"flowact: sessions in a shared store"


class Seal:
    """Seals and opens bytes.

    Args:
        secret: the servers' shared secret; the key is derived from it, and is not that of the tickets.
    """

    def __init__(self, secret: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)
        self._cipher = AESGCM(derived)

    def close(self, data: bytes, label: str) -> bytes:
        """Seal data; it can be opened under the same label only."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, label.encode())

    def open(self, sealed: bytes, label: str) -> bytes:
        """Undo `close`.

        Raises:
            ValueError: sealed with another secret, under another label, or damaged.
        """
        try:
            return self._cipher.decrypt(
                sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode()
            )
        except (InvalidTag, ValueError) as error:
            raise ValueError(
                "it was sealed with another FLOWACT_TICKET_KEY, or is damaged"
            ) from error
