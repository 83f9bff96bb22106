"""The outcome of an audit, and whether it still holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from study import canonical
from study.design.builder import Index
from study.design.config import StudyConfig
from study.errors import StudyError
from study.files import atomic_write


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `problem` is empty when it holds."""

    name: str
    problem: str = ""


def save(checks: Sequence[Check], index: Index, config: StudyConfig, path: Path) -> None:
    """Write the outcome with the hashes it holds for."""
    body = {
        "stimuli": index.hash(),
        "config": config.hash(),
        "passed": not any(check.problem for check in checks),
        "checks": [asdict(check) for check in checks],
    }
    atomic_write(path, canonical.dumps(body).encode())


def require_passed(config: StudyConfig, index: Index, path: Path) -> None:
    """Raise StudyError unless an audit of exactly these clips and rules has passed."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        audited, passed = (body["stimuli"], body["config"]), body["passed"]
    except (OSError, ValueError, KeyError, TypeError):
        raise StudyError(f"{path}: the study has not been audited; run `study audit`") from None
    if audited != (index.hash(), config.hash()):
        raise StudyError(f"{path}: clips or rules changed since the audit; run `study audit` again")
    if not passed:
        raise StudyError(f"{path}: the audit did not pass; run `study audit` to see why")
