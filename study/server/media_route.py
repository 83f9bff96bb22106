"""Clips under one-time addresses, with byte ranges and with nothing in the headers that tells them apart."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import quote

from fastapi import Response
from sqlalchemy import select

from study.database.models import MediaToken, StimulusRow
from study.errors import Refused
from study.voting import tokens
from study.voting.context import StudyContext

ACCEL_VARIABLE = "STUDY_ACCEL"
"""Where nginx finds the clips: the path of an internal location, such as /study-clips/."""
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})$")

_HEADERS = {
    "Cache-Control": "no-store",
    "Accept-Ranges": "bytes",
    "Referrer-Policy": "no-referrer",
}


def serve_clip(context: StudyContext, token: str, byte_range: str | None) -> Response:
    """The clip behind a token; raises Refused 404 for an unknown and 410 for an expired one."""
    file = _file_of(context, token, byte_range)
    elsewhere = os.environ.get(ACCEL_VARIABLE)
    if elsewhere:  # a proxy sends the bytes, and its ranges; the address stays the one-time one
        headers = {**_HEADERS, "X-Accel-Redirect": elsewhere.rstrip("/") + "/" + quote(file)}
        return Response(b"", 200, headers, "video/mp4")
    path = context.stimuli / file
    try:
        size = path.stat().st_size
        first, last = _span(byte_range, size)
        with path.open("rb") as stream:
            stream.seek(first)
            content = stream.read(last - first + 1)
    except OSError:
        raise Refused(503, "other", "this clip cannot be read right now") from None
    headers = dict(_HEADERS)
    if byte_range is None:
        return Response(content, 200, headers, "video/mp4")
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(content, 206, headers, "video/mp4")


def _file_of(context: StudyContext, token: str, byte_range: str | None) -> str:
    """Look the token up and note what is fetched: the watching time counts from the last byte on."""
    now = context.clock()
    key = tokens.hashed(token)
    with context.store.read() as session:
        row = session.scalar(select(MediaToken).where(MediaToken.hash == key))
        if row is None:
            raise Refused(404, "other", "there is nothing here")
        if row.expires_at <= now:
            raise Refused(410, "expired", "this address has expired")
        file, fetched = row.file, row.fetched_at
        size = session.scalar(select(StimulusRow.bytes).where(StimulusRow.file == file).limit(1))
    first, last = _span(byte_range, size or 0)
    if fetched is None:
        with context.store.write(durable=False) as session:
            fresh = session.get(MediaToken, key)
            if fresh is not None and fresh.fetched_at is None and first <= fresh.fetched_to:
                fresh.fetched_to = max(fresh.fetched_to, last + 1)
                fresh.fetched_at = now if fresh.fetched_to == size else None
    return Path(file).name


def _span(byte_range: str | None, size: int) -> tuple[int, int]:
    """First and last byte asked for; raises Refused 416 for a range outside the clip."""
    if byte_range is None:
        return 0, size - 1
    match = RANGE.match(byte_range.strip())
    if match is None or match.groups() == ("", ""):
        raise Refused(416, "other", "only a single byte range can be served")
    start, end = match.groups()
    first = int(start) if start else max(0, size - int(end))
    last = min(int(end), size - 1) if start and end else size - 1
    if first > last:
        raise Refused(416, "other", f"the range lies outside the clip of {size} bytes")
    return first, last
