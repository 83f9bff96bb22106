"""One Chromium for each file of browser tests."""

from __future__ import annotations

import contextlib

import pytest

from flowact.bench.chromium import chromium
from flowact.errors import UserError


@pytest.fixture(scope="module")
def browser():
    with contextlib.ExitStack() as stack:
        try:
            found = stack.enter_context(chromium())
        except UserError as missing:
            pytest.skip(str(missing))
        yield found
