"""The operators' port of the shared application."""

import httpx
import pytest


@pytest.fixture
def operators(client):
    with httpx.Client(base_url=f"http://127.0.0.1:{client.app.state.operations.port}") as found:
        yield found
