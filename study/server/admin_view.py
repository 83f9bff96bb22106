"""The operators' numbers as HTML: pure functions of an overview or a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from study.analysis import charts
from study.design.config import StudyConfig
from study.server.overview import Overview, Traffic

ALARMS = {
    "excluded": "Unusually many of the newest participants failed a check. Something may be broken: "
    "look at the reasons before you trust the exclusions.",
    "unchecked": "Unusually many of the newest participants could not be checked. The votes are kept "
    "and counted; find out what is down.",
}
SHUT = (
    "Networks from which limits.enrolments_per_hour people have begun within this hour: {}. Nobody else there can "
    "begin now. Do all come through one proxy? List it in server.trusted_proxies. Are they in one building? Raise the "
    "limit, or invite them. Then start the server again; the study stays open."
)
BEGAN = ("voting", "finished")


def head(config: StudyConfig, seen: Overview, prefix: str) -> str:
    """Name, state and alarms, with a link to the page that is shared."""
    alarms = "".join(f"<p class='alarm' role='alert'>{ALARMS[name]}</p>" for name in seen.alarms)
    page = f"<a href='{prefix}/' target='_blank' rel='noopener'>Participants' page</a>"
    leave = f"<form method='post' action='{prefix}/admin/logout'><button>Sign out</button></form>"
    return (
        f"<div class='head'><h1>{escape(config.name)}</h1>"
        f"<span class='state {seen.state}'>{seen.state}</span>{page}{leave}</div>{alarms}"
    )


def now(seen: Overview, traffic: Traffic) -> str:
    """Figures of the moment, coverage and quality."""
    began = sum(number for state, number in seen.states.items() if state in BEGAN)
    finished = seen.states.get("finished", 0)
    figures = {
        "votes": seen.votes,
        "finished": f"{finished} of {began}",
        "voting": seen.states.get("voting", 0),
        "in a pair now": traffic.busy,
        "entered this hour": traffic.entered,
        "median minutes": "–" if seen.minutes is None else f"{seen.minutes:.0f}",
        "pass": seen.verdicts.get("pass", 0),
        "fail": seen.verdicts.get("fail", 0),
        "unchecked": seen.verdicts.get("unchecked", 0),
    }
    tiles = "".join(
        f"<div><strong>{value}</strong><span>{escape(name)}</span></div>"
        for name, value in figures.items()
    )
    grid = charts.coverage_grid(seen.coverage, unit="pairs shown").decode()
    bars = charts.exclusion_bars(seen.reasons).decode()
    shut = f"<p class='alarm' role='alert'>{SHUT.format(traffic.shut)}</p>" if traffic.shut else ""
    return (
        f"{shut}<div class='tiles'>{tiles}</div><div class='charts'>{_svg(grid)}{_svg(bars)}</div>"
    )


def people(seen: Overview) -> str:
    """The table of participants."""
    rows = [
        [
            row.code,
            row.state,
            f"{row.used} / {row.votes}",
            row.verdict,
            _words(row.reasons),
            "–" if row.minutes is None else f"{row.minutes:.0f}",
            row.excluded,
        ]
        for row in seen.people
    ]
    return table(
        [
            "participant",
            "state",
            "used / votes",
            "verdict",
            "reasons",
            "minutes",
            "excluded because",
        ],
        rows,
    )


def plan(made: Mapping[str, Any]) -> str:
    """What this design can show: as planned, and with the variation seen so far."""
    problems = "".join(f"<p class='alarm'>{escape(text)}.</p>" for text in made["problems"])
    parts = [problems, "<h3>As planned</h3>", _planned(made["planned"])]
    if made["seen"] is None:
        parts.append("<p class='hint'>The votes do not show yet how raters and items differ.</p>")
    else:
        parts += ["<h3>With the variation seen so far</h3>", _planned(made["seen"])]
    smallest = made["smallest_comparison"]
    parts.append(f"<p class='hint'>Votes on the smallest comparison so far: {smallest}.</p>")
    return "".join(parts)


def _planned(made: Mapping[str, Any]) -> str:
    """The two families of tests, and the power by raters and items."""
    expected = made["expected"]
    rows = [
        [
            ", ".join(_words(name) for name in family["questions"]),
            family["tests"],
            family["alpha"],
            family["items"],
            family["power"],
            family["raters"] if family["raters"] is not None else "no number is enough",
        ]
        for family in (made["primary"], made["others"])
        if family is not None
    ]
    heading = ["questions", "tests", "hardest p", "items needed", "power", "raters for 0.80"]
    words = (
        f"{made['items']} items, {made['planned']} raters. Net preference to be found "
        f"{expected['net']:+.2f}; standard deviation between raters {expected['rater_sd']:.2f}, "
        f"between items {expected['item_sd']:.2f}."
    )
    columns = ["raters", *[f"{number} items" for number in made["table_items"]]]
    grid = table(columns, made["table"])
    first = _words(made["primary"]["questions"][0])
    return (
        f"<p class='hint'>{escape(words)}</p>{table(heading, rows)}"
        f"<p class='hint'>Power on {escape(first)}, one comparison:</p>{grid}"
    )


def results(made: Mapping[str, Any], formulas: Mapping[str, str]) -> str:
    """Chart and tables of a report."""
    chart = charts.gsb_bars(made["primary"]).decode()
    names = [name.replace("_", " ") for name in formulas]
    heading = ["system", "dimension", "G/S/B", *names, "interval of net", "p", "adjusted p"]
    parts = [_svg(chart, "broad"), table(heading, [_comparison(row) for row in made["primary"]])]
    formula = " · ".join(
        f"{name} = {text}" for name, text in zip(names, formulas.values(), strict=True)
    )
    parts.append(f"<p class='hint'>{escape(formula)}</p>")
    if made["opinions"]:
        opinions = [
            [_words(row["dimension"]), row["system"], row["mean"], _range(row["interval"])]
            for row in made["opinions"]
        ]
        heading = ["dimension", "system", "mean rating", "interval"]
        parts.append("<h3>Ratings, 1 to 5</h3>" + table(heading, opinions))
    parts.append("<h3>By item</h3>" + _svg(charts.item_dots(made["items"]).decode(), "broad"))
    sides = [
        [_words(name), part["left"], part["right"], part["p"]]
        for name, part in made["side_bias"].items()
    ]
    parts.append("<h3>Side bias</h3>" + table(["dimension", "left", "right", "p"], sides))
    agree = [
        [_words(name), part["alpha"], _interval(part["interval"]), part["raw"]]
        for name, part in made["agreement"].items()
    ]
    heading = ["dimension", "Krippendorff's alpha", "interval", "raw agreement"]
    parts.append("<h3>Agreement</h3>" + table(heading, agree))
    parts.append("<h3>Strengths (Davidson)</h3>" + _strengths(made["strengths"]))
    if made["strengths"]:
        parts.append(_svg(charts.strength_lines(made["strengths"]).decode()))
    return "".join(parts)


def exports(prefix: str, names: Sequence[str], hidden: bool) -> str:
    """Links to the downloads, or the names of what there will be."""
    items = [
        f"<span>{name}</span>"
        if hidden
        else f"<a href='{prefix}/admin/export/{name}' download>{name}</a>"
        for name in names
    ]
    when = "These files name the systems: they can be had once the study is closed. "
    links = "".join(f"<li>{item}</li>" for item in items)
    return (
        f"<p class='hint'>{when if hidden else ''}<code>python -m study verify bundle.zip</code> "
        f"recomputes every number.</p><ul class='downloads'>{links}</ul>"
        f"<p class='hint'><a href='{prefix}/admin/people.csv' download>people.csv</a> lists who has "
        "finished, by invitation or recruiter's id. It is in no bundle.</p>"
    )


def table(heading: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A plain table; every cell is escaped."""
    top = "".join(f"<th>{escape(name)}</th>" for name in heading)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<div class='wide'><table class='numbers'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _comparison(row: Mapping[str, Any]) -> list[Any]:
    return [
        row["name"],
        _words(row["dimension"]),
        f"{row['good']}/{row['same']}/{row['bad']}",
        *row["forms"].values(),
        _limit(row) if row["at_the_floor"] else _interval(row["interval"]),
        row["p"]["p"],
        row["p_adjusted"],
    ]


def _strengths(made: Mapping[str, Any]) -> str:
    rows = [
        [_words(dimension), key, value, _interval((part["intervals"] or {}).get(key))]
        for dimension, part in made.items()
        if "strengths" in part
        for key, value in part["strengths"].items()
    ]
    problems = [
        [_words(name), part["problem"], "", ""] for name, part in made.items() if "problem" in part
    ]
    return table(["dimension", "system", "strength", "interval"], rows + problems)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _interval(bounds: Sequence[float] | None) -> str:
    return f"{bounds[0]:+.2f} to {bounds[1]:+.2f}" if bounds else "–"


def _range(bounds: Sequence[float] | None) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}" if bounds else "–"


def _limit(row: Mapping[str, Any]) -> str:
    """The end that matters where nearly all agree; the other one is full agreement."""
    low, high = row["interval"]
    return f"at least {low:+.2f}" if row["forms"]["net"] > 0 else f"at most {high:+.2f}"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return escape(f"{value:.3f}" if isinstance(value, float) else str(value))


def _svg(text: str, kind: str = "") -> str:
    """The drawing without the XML prologue, as HTML takes it."""
    return f"<figure class='{kind}'>{text[text.index('<svg') :]}</figure>"
