"""The commands and the code of study/README.md do what it says, in its order, in an empty folder."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI

import study
from study.cli import main
from study.statistics.gsb import FORMULAS
from study.voting.context import attach
from tests.study.tiny import SMALL, api_client, make_sources, take_part

ROOT = Path(__file__).parents[2]
README = (Path(study.__file__).parent / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line)[3:]
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("python -m study")
]


def run(words: list[str]) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    return int(stopped.value.code)


def fill_in(folder: Path) -> None:
    """What the newcomer does between `init` and `import`: videos, manifest, candidate."""
    make_sources(folder / "videos")
    manifest = (folder / "videos" / "manifest.csv").read_text()
    rows = re.sub(r",(\w+(?:-\w+)?\.mp4)", r",videos/\1", manifest)
    (folder / "manifest.csv").write_text(rows)
    raw = yaml.safe_load((folder / "study.yaml").read_text())
    raw |= {"candidate": "oursystem", "stimuli": SMALL.model_dump()}
    raw["trials"] = {"per_participant": 4, "training": 1}
    raw["analysis"] = {"resamples": 200}
    (folder / "study.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True))


def test_a_newcomer_gets_from_an_empty_folder_to_a_verified_bundle(
    tmp_path, monkeypatch, clock, capsys
):
    monkeypatch.chdir(tmp_path)
    done, head = [], ""
    for words in COMMANDS:
        if words[0] in ("load", "sample", "serve", "simulate"):  # tests of their own
            continue
        if words[0] == "close":
            context = attach(Path("mystudy"), clock)
            for answer in ("left", "same", "right"):
                take_part(api_client(context), context, answer)
            context.store.close()
        words = [head if word == "HASH" else word for word in words]
        assert run(words) == 0, capsys.readouterr()
        done.append(words[0])
        if words[0] == "export":
            head = capsys.readouterr().out.split()[-1]
        if words[0] == "init":
            fill_in(Path("mystudy"))
    assert done == ["init", "import", "plan", "build", "audit", "open", "close", "export", "verify"]
    assert "FAIL" not in capsys.readouterr().out


def test_the_code_for_another_application_runs(tmp_path, monkeypatch):
    (tmp_path / "assets").mkdir()
    shutil.copytree(ROOT / "assets" / "study", tmp_path / "assets" / "study")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    found: dict = {}
    exec(code, found)
    assert isinstance(found["app"], FastAPI)
    assert len(list((tmp_path / "state").glob("study-*.db"))) == 1


def test_every_command_is_described(capsys):
    assert run(["--help"]) == 0
    listed = set(re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE))
    assert listed >= {words[0] for words in COMMANDS} | {"pause", "backup", "load"}
    assert all(f"`{name}" in README or f"study {name}" in README for name in listed)


def test_formulas_are_those_of_the_program():
    plain = README.replace(" ", "")
    assert all(formula.replace(" ", "") in plain for formula in FORMULAS.values())
