"""What operators read: one line an event, of the severity that was asked for, and nobody's words."""

import json
import logging

import pytest

import flowact.logs
import study.logs
from flowact.errors import UserError


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    for package in ("flowact", "study"):
        logging.getLogger(package).setLevel(logging.NOTSET)


def configure(package: str, level: str, as_json: bool) -> None:
    if package == "study":
        study.logs.configure(level, as_json)
    else:
        flowact.logs.configure(flowact.logs.LogSettings(level, as_json))


@pytest.mark.parametrize("package", ["flowact", "study"])
def test_json_lines_are_json_with_time_level_and_logger(package, capsys):
    configure(package, "info", True)
    logging.getLogger(f"{package}.part").info("session %s begins", "ab12")
    logging.getLogger(f"{package}.part").debug("not this")
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["level"], record["logger"]) == ("INFO", f"{package}.part")
    assert record["message"] == "session ab12 begins" and record["time"]


@pytest.mark.parametrize("package", ["flowact", "study"])
def test_plain_lines_are_one_line_each(package, capsys):
    configure(package, "warning", False)
    logging.getLogger(package).info("not this")
    logging.getLogger(package).warning("this")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"WARNING {package}: this")


def test_an_error_is_logged_by_its_place_and_not_by_its_words():
    try:
        raise UserError("There is no picture 'my holiday'.")
    except UserError as error:
        where = flowact.logs.raised_at(error)
    assert where.startswith("UserError at ") and "holiday" not in where
