"""What goes into a paper: a LaTeX table and a methods paragraph made from the report."""

from __future__ import annotations

from collections import Counter
from typing import Any

from study.analysis.dataset import Dataset
from study.design import plan
from study.design.assignment import mains
from study.design.config import StudyConfig

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


ANSWERS = {
    "gsb": "better, same, worse, cannot judge",
    "forced": "better, worse, cannot judge",
    "rating": "both from 1, bad, to 5, excellent, or cannot judge",
}
STACKED = 640  # width in CSS pixels at which page.css puts one video above the other


def latex_table(report: dict[str, Any]) -> str:
    """A booktabs table of the primary analysis."""
    head = r"System & Dimension & G/S/B & Net & 95\,\% CI & (G+S)/(B+S) & $p_\mathrm{adj}$ \\"
    head = head.replace("95", f"{100 * (1 - report['study']['alpha']):g}")
    lines = [r"\begin{tabular}{llrrrrr}", r"\toprule", head, r"\midrule"]
    lines += [_row(row) for row in report["primary"]]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def methods(dataset: Dataset, report: dict[str, Any]) -> str:
    """A paragraph that says how the numbers were made, with the counts filled in."""
    config, flow, study = dataset.config, report["flow"], report["study"]
    trials, excluded = config.trials, flow["excluded"]
    pairs = plan.pairs(config, len(dataset.systems)) * dataset.meta["items"]
    catch = trials.catch.hidden
    level = f"{100 * (1 - config.analysis.alpha):g}"
    others = _many(len(dataset.systems) - 1, "other system")
    compared = f"compared {config.candidate} with {others}"
    if config.comparisons == "all":
        compared = f"compared {len(dataset.systems)} systems, each with each,"
    parts = [
        f"Participants {compared} in a blinded side-by-side study. Both videos of a pair showed the "
        "same item in the same window, canvas, frame rate, encoding and loudness, were played in "
        "synchrony, and could be judged only once there had been time to watch both to the end. "
        "Sides were balanced within participant and pair.",
        f"After {_many(trials.training, 'training pair')}, each participant was given "
        f"{_many(mains(trials, pairs), 'pair')}, and hidden among them "
        f"{_many(catch, 'catch trial')} with a known answer and "
        f"{_many(trials.catch.repeated, 'pair')} once more with sides swapped, with "
        f"{_asked(config)}.{_stacked(dataset)}{_took(flow)}",
        f"{_listened(config)}Of {flow['consented']} people who agreed to take part, {flow['withdrawn']} withdrew "
        "and had their votes "
        f"erased; votes of {flow['analysed']} are in the primary analysis. "
        f"{flow['failed_checks']} failed a quality check fixed in advance; the operators excluded "
        f"{excluded['before_results']} before any result could be seen and "
        f"{excluded['after_results']} afterwards. Left out are, besides, single votes on pairs that "
        f"were not played as intended: {flow['failed_playback']}.",
        f"We report the net preference (G-B)/N with {level} % intervals and p values of a t test with "
        "a variance clustered by participant and by item. "
        + _corrected(config.analysis.primary_dimension, report["plan"]),
        f"Configuration {study['config_hash'][:12]}, stimuli {study['stimuli_hash'][:12]}.",
    ]
    if study["revealed_at"] is not None:
        parts.append("Results by system were seen by the operators before the study was closed.")
    return " ".join(parts) + "\n"


def _asked(config: StudyConfig) -> str:
    """The questions on a pair, by how they are answered."""
    forms = Counter(dimension.answers for dimension in config.dimensions)
    parts = [f"{_many(number, 'question')} ({ANSWERS[form]})" for form, number in forms.items()]
    return f"{' and '.join(parts)} on each"


def _took(flow: dict[str, Any]) -> str:
    seconds = flow["median_seconds_a_pair"]
    return f" A pair took {seconds:.0f} s in the median." if seconds is not None else ""


def _listened(config: StudyConfig) -> str:
    headphones = config.sound_check.headphones
    more = ", and to pass a headphone check by dichotic pitch" if headphones else ""
    return f"Before the pairs everybody had to type digits that they heard{more}. "


def _stacked(dataset: Dataset) -> str:
    """How many saw the pair on a phone, where both do not fit beside each other."""
    widths = [person.facts["device"].get("width") for person in dataset.people]
    known = [width for width in widths if width is not None]
    narrow = sum(width <= STACKED for width in known)
    if not narrow:
        return ""
    return (
        f" On windows of at most {STACKED} pixels ({narrow} of {_many(len(known), 'participant')}) one video "
        "stood above the other."
    )


def _corrected(primary: str, plan: dict[str, Any]) -> str:
    first, rest = plan["first_tests"], plan["tests"] - plan["first_tests"]
    words = primary.replace("_", " ")
    text = f"Holm's correction covers the {_many(first, 'test')} of the primary question ({words})"
    if rest:
        text += (
            f"; the {_many(rest, 'test')} of the other questions, corrected by Holm among themselves, "
            "count only once all of the primary question have succeeded (serial gatekeeping)"
        )
    return f"{text}."


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(SPECIAL.get(character, character) for character in text)


def _row(row: dict[str, Any]) -> str:
    interval, net = row["interval"], row["forms"]["net"]
    bounds = f"[{interval[0]:+.2f}, {interval[1]:+.2f}]" if interval else "--"
    if row["at_the_floor"]:
        bounds = rf"$\ge {interval[0]:+.2f}$" if net > 0 else rf"$\le {interval[1]:+.2f}$"
    ratio = row["forms"]["ratio"]
    cells = [
        escape(row["name"]),
        escape(row["dimension"].replace("_", " ")),
        f"{row['good']}/{row['same']}/{row['bad']}",
        f"{net:+.2f}",
        bounds,
        f"{ratio:.2f}" if ratio is not None else "--",
        f"{row['p_adjusted']:.3f}" if row["p_adjusted"] >= 0.001 else "<0.001",
    ]
    return " & ".join(cells) + r" \\"
