"""What goes into a paper: a LaTeX table and a methods paragraph made from the report."""

from __future__ import annotations

from typing import Any

from study.dataset import Dataset

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
}  # fmt: skip


def latex_table(report: dict[str, Any]) -> str:
    """A booktabs table of the primary analysis."""
    head = r"System & Dimension & G/S/B & Net & 95\,\% CI & (G+S)/(B+S) & $p_\mathrm{Holm}$ \\"
    head = head.replace("95", f"{100 * (1 - report['study']['alpha']):g}")
    lines = [r"\begin{tabular}{llrrrrr}", r"\toprule", head, r"\midrule"]
    lines += [_row(row) for row in report["primary"]]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def methods(dataset: Dataset, report: dict[str, Any]) -> str:
    """A paragraph that says how the numbers were made, with the counts filled in."""
    config, flow, study = dataset.config, report["flow"], report["study"]
    analysed = flow["participants"].get("pass", 0) + flow["participants"].get("unchecked", 0)
    level = f"{100 * (1 - config.analysis.alpha):g}"
    systems = len(dataset.systems) - 1
    parts = [
        f"Participants compared {config.candidate} with {systems} other "
        f"{'system' if systems == 1 else 'systems'} in a blinded side-by-side study. Both videos of a "
        "pair showed the same item in the same window, canvas, frame rate, encoding and loudness, "
        "were played in synchrony, and could be judged only after both had been played to the end. "
        "Sides were balanced within participant and pair.",
        f"Each participant saw {config.trials.per_participant} pairs and answered "
        f"{len(config.dimensions)} questions on each (better, same, worse, cannot judge), among them "
        "catch trials with a known answer.",
        f"Of {flow['entered']} people who entered, {flow['withdrawn']} withdrew and had their votes "
        f"erased; {analysed} are in the primary analysis, "
        f"{flow['participants'].get('fail', 0)} failed a quality check fixed in advance.",
        f"We report the net preference (G-B)/N with {level} % intervals of a bootstrap over "
        f"participants and items at once ({config.analysis.resamples} resamples) and the larger "
        "p value of sign-flip permutation tests on participants and on items, with Holm's "
        "correction over all comparisons and dimensions.",
        f"Configuration {study['config_hash'][:12]}, stimuli {study['stimuli_hash'][:12]}.",
    ]
    if study["revealed_at"] is not None:
        parts.append("Results by system were seen by the operators before the study was closed.")
    return " ".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(SPECIAL.get(character, character) for character in text)


def _row(row: dict[str, Any]) -> str:
    interval = row["interval"]
    bounds = f"[{interval[0]:+.2f}, {interval[1]:+.2f}]" if interval else "--"
    ratio = row["forms"]["ratio"]
    cells = [
        escape(row["second"]),
        escape(row["dimension"].replace("_", " ")),
        f"{row['good']}/{row['same']}/{row['bad']}",
        f"{row['forms']['net']:+.2f}",
        bounds,
        f"{ratio:.2f}" if ratio is not None else "--",
        f"{row['p_holm']:.3f}" if row["p_holm"] >= 0.001 else "<0.001",
    ]
    return " & ".join(cells) + r" \\"
