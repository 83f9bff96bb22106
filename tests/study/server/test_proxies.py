"""Proxies that come and go are trusted by their network, and only they."""

import pytest

from study.errors import StudyError
from study.server.proxies import is_trusted
from tests.study.tiny import configuration


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("11.0.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("fd00::7", True),
        ("fe80::1", False),
        ("testclient", False),
        ("", False),
    ],
)
def test_addresses_and_networks(address, trusted):
    assert is_trusted(address, ("10.0.0.0/8", "192.0.2.7", "fd00::/8")) is trusted


def test_a_network_that_is_none_is_said_in_a_sentence():
    with pytest.raises(StudyError, match="10.0.0.1/8 has host bits set"):
        configuration(server={"trusted_proxies": ["10.0.0.1/8"]})
