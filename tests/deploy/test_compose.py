"""The composition is valid, and what it names exists: files, options, services."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from flowact.live.settings import add_arguments, from_arguments
from study.voting.context import DATABASE_VARIABLE, SERVERS_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]


def test_it_is_what_compose_expects(tmp_path):
    def check(path: Path) -> int:
        program = [sys.executable, "-m", "check_jsonschema"]
        command = [*program, "--builtin-schema", "vendor.compose-spec", str(path)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    assert check(DEPLOY / "compose.yaml") == 0
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("restart:", "restarts:"))
    assert check(wrong) == 1, "the check itself must see a mistake"


def test_every_file_that_is_mounted_is_there():
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]
    assert len(files) >= 5
    for name in files:
        assert (DEPLOY / name).is_file(), name


def test_the_pages_understand_their_environment():
    environment = {**SERVICES["page-1"]["environment"], "FLOWACT_TICKET_KEY": "x"}
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    settings = from_arguments(parser.parse_args([]), environment)
    assert (settings.host, settings.operations_port) == ("0.0.0.0", 9400)
    assert settings.store.startswith("redis://store:")
    known = {f"FLOWACT_{name.upper()}" for name in vars(parser.parse_args([]))}
    known |= {"FLOWACT_TICKET_KEY", "FLOWACT_LOG_JSON", "FLOWACT_LOG_LEVEL"}
    known |= {DATABASE_VARIABLE, SERVERS_VARIABLE, "OMP_WAIT_POLICY"}
    assert environment.keys() <= known


def test_servers_are_named_as_the_services_are():
    pages = {name for name in SERVICES if name.startswith("page-")}
    assert int(SERVICES["page-1"]["environment"][SERVERS_VARIABLE]) == len(pages)
    for file, pattern in (
        ("edge/nginx.conf", r"server (\S+):7860"),
        ("prometheus/compose.yml", r"\"(\S+?):9400"),
    ):
        text = (DEPLOY / file).read_text()
        named = re.findall(pattern, text) + re.findall(r", \"(\S+?):9400", text)
        assert set(named) == pages, file


def test_the_extras_that_are_built_in_exist():
    extras = SERVICES["page-1"]["build"]["args"]["EXTRAS"].split(",")
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(extras) <= known.keys()
    assert "ARG EXTRAS" in (ROOT / "Dockerfile").read_text()
