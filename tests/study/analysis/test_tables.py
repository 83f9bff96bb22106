"""No cell of an exported table is a formula."""

import csv
import io

import pandas as pd
import pytest

from study.analysis import tables

CORPUS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "=cmd|' /C calc'!A0", "|calc",
    "%0A=1", '=HYPERLINK("http://x","y")', "＝1", "＋1", "－1", "＠A", "\ufeff=1", "\u00a0=1", "\x00=1",
    ';=1"', "-2+3+cmd|' /C calc'!A0",
]  # fmt: skip


@pytest.mark.parametrize("text", CORPUS)
def test_no_cell_starts_a_formula(text):
    written = tables.csv_text(pd.DataFrame({"a": [text], text: ["b"]}))
    for row in csv.reader(io.StringIO(written)):
        for cell in row:
            assert not cell.lstrip(" \u00a0\ufeff\u200b").startswith(tables.RISKY)


def test_numbers_and_plain_text_stay_as_they_are():
    frame = pd.DataFrame({"n": [-1.5, 2.0], "t": ["plain, with comma", "a=b"]})
    again = pd.read_csv(io.StringIO(tables.csv_text(frame)))
    pd.testing.assert_frame_equal(again, frame)
