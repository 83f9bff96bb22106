"""What is asked for and not installed is said in a sentence; what is not asked for costs nothing."""

import subprocess
import sys

import pytest

from flowact.errors import UserError
from flowact.live.operations import operations
from flowact.live.server.application import create_app
from flowact.live.settings import LiveSettings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (LiveSettings(operations_port=0), "--operations-port needs more packages"),
        (LiveSettings(traces=True), "--traces yes needs more packages"),
    ],
)
def test_missing_packages_are_named(monkeypatch, settings, sentence):
    monkeypatch.setattr(operations, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match=sentence):
        create_app(settings)


def test_a_page_without_operators_imports_nothing_of_theirs():
    script = (
        "import sys; from flowact.live.server.application import create_app;"
        "from flowact.live.settings import LiveSettings; create_app(LiveSettings());"
        "sys.exit(any(name.startswith(('prometheus_client', 'opentelemetry.sdk')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
