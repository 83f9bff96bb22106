"""What keeps the code in order: no circles, small rooms, honest dependencies, short functions."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from itertools import chain
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("flowact", "mediafiles", "study")
MOST_MODULES, MOST_FILE_LINES, MOST_FUNCTION_LINES = 15, 400, 50

GENERATED = {"study/database/migrations"}
"""Alembic writes these as one function a migration."""
WHOLE_TESTS = {"attacks", "browser", "examples", "packaging"}
"""Folders of tests that use the whole and so belong to no package."""

TOOLS = {
    "ruff": "a program of `make lint`",
    "mypy": "a program of `make lint`",
    "types-pyyaml": "read by mypy",
    "zensical": "a program of `make docs`",
    "mkdocstrings": "read by zensical",
    "hatchling": "builds the wheel that a test installs",
    "ipykernel": "what nbclient runs a notebook in",
    "import-linter": "a program of `make lint`; brings grimp, which this file imports",
    "silero-vad": "brings the weights that `flowact.live.dialogue.silero` reads",
    "pytest-timeout": "pytest loads it for its setting `timeout`",
    "opentelemetry-exporter-otlp-proto-http": "another part of the namespace opentelemetry",
    "psycopg": "SQLAlchemy loads it for postgresql+psycopg URLs",
}
"""Declared distributions that are used without an import, and how."""
BROUGHT = {
    "grimp": "import-linter",
    "gradio-client": "gradio",
    "tokenizers": "transformers",
    "ctranslate2": "faster-whisper",
}
"""Imported distributions that a declared one is made of, so that one pin is enough."""
UNNAMED = {
    "dlib": ["dlib-bin"],
    "opentelemetry": ["opentelemetry-sdk"],
    "torchao": ["torchao"],
    "pipecat": ["pipecat-ai"],
    "livekit": ["livekit-agents"],
    "piper": ["piper-tts"],
}
"""Modules that their distribution forgets to list, that several share, or that may be missing, and what it is."""
BENCH = {"playwright"}
"""What `flowact bench --live` alone asks for; it says so where it is missing."""


def python_files(*places: str) -> list[Path]:
    found = [ROOT / place for place in places]
    return sorted(
        path
        for place in found
        for path in ([place] if place.is_file() else place.rglob("*.py"))
        if not any(str(path.relative_to(ROOT)).startswith(folder) for folder in GENERATED)
    )


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def circle(edges: dict[str, set[str]]) -> list[str]:
    """A circle of names that import each other; empty if there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_in_a_circle() -> None:
    """Inside functions and under `if TYPE_CHECKING` too: what only a type needs is needed as well."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    edges = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    assert circle({"a": {"b"}, "b": {"a"}}), "the check itself must see one"
    assert sum(map(len, edges.values())) > 500
    assert circle(edges) == []


def test_every_package_keeps_to_its_layer() -> None:
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or "lint-imports"
    done = subprocess.run(
        [program, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_layers_are_exhaustive() -> None:
    """A package that no layer names is then an error of its own."""
    contracts = settings()["tool"]["importlinter"]["contracts"]
    layered = [each for each in contracts if each["type"] == "layers"]
    assert [each["containers"] for each in layered] == [[name] for name in PACKAGES]
    assert all(each["exhaustive"] for each in layered)


def test_no_room_holds_too_many_modules() -> None:
    sizes = Counter(path.parent for path in python_files(*PACKAGES))
    full = {str(room.relative_to(ROOT)): n for room, n in sizes.items() if n > MOST_MODULES}
    assert full == {}


def test_no_file_is_long() -> None:
    lines = {path: len(path.read_text().splitlines()) for path in python_files(*EVERYTHING)}
    assert {
        str(path.relative_to(ROOT)) for path, n in lines.items() if n > MOST_FILE_LINES
    } == set()


def test_no_function_is_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {node.name} has {lines} lines"
        for path in python_files(*EVERYTHING)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]
    assert long == []


def test_no_class_name_is_used_twice() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in python_files(*PACKAGES, "app.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_the_tests_lie_as_the_packages_do() -> None:
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("*.py")} - {Path()}
    stray = [
        str(folder)
        for folder in folders
        if folder.parts[0] not in WHOLE_TESTS
        and not any((base / folder).is_dir() for base in (ROOT / "flowact", ROOT))
    ]
    assert stray == []


EVERYTHING = (*PACKAGES, "tests", "examples", "app.py", "hatch_build.py")


def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def plain(requirement: str) -> str:
    """The distribution's name without extras and versions, spelled as the index spells it."""
    name = re.match(r"[\w.-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def declared() -> dict[str, set[str]]:
    """Distributions by the extra that names them; those of the package itself under an empty name."""
    project = settings()["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: {plain(each) for each in named} for extra, named in groups.items()}


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def imported(*places: str) -> set[str]:
    """Distributions that the code of `places` imports, wherever in it."""
    ours = {*PACKAGES, "tests", "app", "hatch_build"}
    names = {name for path in python_files(*places) for name in imported_names(path)}
    owners = {**packages_distributions(), **UNNAMED}
    unknown = names - ours - sys.stdlib_module_names - owners.keys()
    assert unknown == set(), f"nothing that is installed provides {sorted(unknown)}"
    return {
        plain(owner)
        for name in names - ours - sys.stdlib_module_names
        for owner in owners[name][:1]
    }


def test_everything_that_is_imported_is_declared() -> None:
    groups = declared()
    shipped = set().union(*(named for extra, named in groups.items() if extra != "test"))
    assert imported(*PACKAGES, "app.py") - shipped <= BENCH
    assert {BROUGHT.get(name, name) for name in imported(*EVERYTHING)} <= shipped | groups["test"]


@pytest.mark.parametrize("extra", sorted(declared()))
def test_everything_that_is_declared_is_used(extra: str) -> None:
    used = {BROUGHT.get(name, name) for name in imported(*EVERYTHING)} | TOOLS.keys()
    assert declared()[extra] - used == set()


def test_tools_are_tools() -> None:
    """A distribution that is imported after all needs no excuse."""
    assert TOOLS.keys() <= set().union(*declared().values())


def test_every_pin_is_of_something_that_is_needed() -> None:
    """`constraints.txt` names what our dependencies bring along, and `anny`, as its head says."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {plain(line) for line in lines if "==" in line and not line.startswith("#")}
    assert pinned - needed() == {"anny"}


def needed() -> set[str]:
    """Everything that our dependencies require, as far as it is installed here, for any system."""
    project = settings()["project"]
    waiting = set(chain(project["dependencies"], *project["optional-dependencies"].values()))
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        seen.add(wanted)
        extras = set(re.findall(r"\w+", "".join(re.findall(r"\[(.*?)\]", wanted))))
        with suppress(PackageNotFoundError):  # for another system
            waiting |= {each for each in requires(plain(wanted)) or [] if asked(each, extras)}
        waiting -= seen
    return {plain(each) for each in seen}


def asked(requirement: str, extras: set[str]) -> bool:
    """Whether a distribution of those extras has that requirement."""
    wanted = set(re.findall(r"extra\s*==\s*['\"]([\w-]+)", requirement))
    return not wanted or bool(wanted & extras)
