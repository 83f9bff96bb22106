"""The files from which a container and a Hugging Face Space are made agree with the application."""

import argparse
import re
from pathlib import Path

import pytest
import yaml

from flowact.live.settings import LiveSettings, add_arguments, from_arguments

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dockerfile():
    return (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_a_space_finds_the_port_and_the_licence_in_the_readme():
    _, settings, _ = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    space = yaml.safe_load(settings)
    assert (space["sdk"], space["app_port"]) == ("docker", LiveSettings().port)
    assert space["license"] == "apache-2.0" and len(space["short_description"]) <= 60


def test_the_container_serves_everybody_on_that_port(dockerfile):
    assert f"EXPOSE {LiveSettings().port}" in dockerfile
    (line,) = re.findall(r"^ENV (.*)$", dockerfile, re.MULTILINE)
    environment = dict(word.split("=") for word in line.split())
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert from_arguments(parser.parse_args([]), environment).host == "0.0.0.0"


def test_what_the_container_copies_is_there(dockerfile):
    copied = [line.split()[1:-1] for line in dockerfile.splitlines() if line.startswith("COPY")]
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists(), name


def test_the_container_installs_with_what_building_needs_and_without_the_assets(dockerfile):
    before = dockerfile[: dockerfile.index("RUN pip install")]
    assert all(name in before for name in ("pyproject.toml", "hatch_build.py", "README.md"))
    assert (
        "COPY assets" not in before
    )  # or every change of the weights would install everything anew
