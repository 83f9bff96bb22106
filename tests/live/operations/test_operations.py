"""What is asked for and not installed is said in a sentence; what is not asked for costs nothing."""

import ast
import re
from pathlib import Path

import pytest

import flowact.live
from flowact.errors import UserError
from flowact.live.operations import operations
from flowact.live.server.application import create_app
from flowact.live.settings import LiveSettings

LIVE = Path(flowact.live.__file__).parent


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
    """Their packages, and the modules that need them, are imported inside functions only."""
    theirs = re.compile(
        r"prometheus_client|opentelemetry|flowact\.live\.operations\.(endpoint|metrics|traces)"
    )
    needing = set()
    for path in sorted(LIVE.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            named = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            named += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if any(map(theirs.match, named)):
                needing.add(path.relative_to(LIVE).as_posix())
    assert needing == {f"operations/{name}.py" for name in ("endpoint", "metrics", "traces")}
