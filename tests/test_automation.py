"""What runs without us: the hooks before a commit and the checks of a push."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def made(target: str) -> str:
    """The recipe of a target of the Makefile."""
    found = re.search(
        rf"^{target}:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert found, target
    return found.group(1)


def test_the_workflow_runs_what_the_script_of_the_repository_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "make test" in script
    (job,) = read(".github/workflows/ci.yml")["jobs"].values()
    steps = job["steps"]
    assert any(step.get("run", "").startswith("make test") for step in steps)
    (checkout,) = (step for step in steps if step.get("uses", "").startswith("actions/checkout@"))
    assert checkout["with"]["fetch-depth"] == 1


def test_the_workflow_installs_the_programs_that_the_tests_need() -> None:
    (job,) = read(".github/workflows/ci.yml")["jobs"].values()
    asked = " ".join(step.get("run", "") for step in job["steps"])
    for program in ("flite", "festival", "postgresql", "nginx-light", "prometheus"):
        assert program in asked and program in made("programs")


def test_the_hooks_are_those_of_make_lint() -> None:
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert {hook["language"] for hook in local["hooks"]} == {"system"}
    programs = {Path(shlex.split(hook["entry"])[0]).name for hook in local["hooks"]}
    assert programs == set(re.findall(r"\$\(BIN\)/([\w-]+)", made("lint")))
