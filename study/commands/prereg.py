"""The text of a pre-registration, made from the rules, so that it cannot say anything else than they do."""

from __future__ import annotations

from study.design import plan
from study.design.builder import Index
from study.design.config import StudyConfig
from study.design.translations import dimension_text, offered
from study.statistics.power import POWER


def text(config: StudyConfig, index: Index) -> str:
    """Hypotheses, numbers, exclusions and analysis as Markdown, with the hashes to register."""
    plain = index.plain()
    systems = list(dict.fromkeys(clip.system for clip in plain))
    items = len({clip.item for clip in plain})
    made = plan.plan(config, len(systems), items)
    return "\n".join(
        [
            f"# Pre-registration: {config.title[offered(config)[0]]}",
            "",
            f"Rules (SHA-256 of study.yaml as loaded): `{config.hash()}`",
            "",
            f"Clips (SHA-256 of their index): `{index.hash()}`",
            "",
            *_hypotheses(config, systems),
            *_numbers(config, items, made),
            *_exclusions(config),
            *_analysis(config, made),
        ]
    )


def _hypotheses(config: StudyConfig, systems: list[str]) -> list[str]:
    others = [system for system in systems if system != config.candidate]
    versus = (
        "each with each" if config.comparisons == "all" else "the candidate with each other one"
    )
    locale = offered(config)[0]
    asked = [
        f"- `{name}`{' (primary)' if name == config.analysis.primary_dimension else ''}: "
        f"{dimension_text(config, name, locale)}"
        for name in config.dimension_ids
    ]
    return [
        "## Hypotheses",
        "",
        f"Candidate: {config.candidate}. Other systems: {', '.join(others)}. Compared: {versus}. For every "
        "comparison and question the null hypothesis is a net preference (G - B) / N of zero; tests are "
        "two-sided.",
        "",
        *asked,
        "",
    ]


def _numbers(config: StudyConfig, items: int, made: plan.StudyPlan) -> list[str]:
    trials = config.trials
    return [
        "## Numbers",
        "",
        f"{config.recruitment.raters} raters, {items} items. "
        f"Each rater judges {made.each * made.pairs:.0f} pairs, after "
        f"{trials.training} for practice, with {trials.catch.hidden} catch trials and {trials.catch.repeated} "
        "repetitions among them. Collection ends by the operator's decision, made without seeing results "
        "by system"
        + (", which may be seen before." if config.analysis.reveal_before_close else "."),
        "",
        f"Power on the primary question {made.primary.power:.2f} (wanted {POWER:.2f}) for a net preference of "
        f"{made.expected.net:+.2f}, with standard deviations of {made.expected.rater_sd:.2f} between raters and "
        f"{made.expected.item_sd:.2f} between items.",
        "",
    ]


def _exclusions(config: StudyConfig) -> list[str]:
    limits = config.quality
    heard = " and the headphone check" if config.sound_check.headphones else ""
    return [
        "## Exclusions",
        "",
        f"- before the pairs: people who do not pass the sound check{heard}",
        f"- participants with more than {limits.catch_failures} failed catch trials",
        f"- participants whose decided answers are on one side in more than {limits.same_side_share:.0%}",
        f"- participants whose repeated pairs turn round in more than {1 - limits.repeat_agreement:.0%}",
        f"- single votes whose sides drifted by more than {limits.drift_ms:g} ms (95th percentile), stalled more "
        f"than {limits.stalls} times, were hidden for more than {limits.hidden_seconds:g} s, dropped more than "
        f"{limits.dropped_share:.0%} of the frames, or were answered in less than {limits.answer_seconds:g} s "
        "for each question",
        "",
        "The numbers with all votes are reported beside.",
        "",
    ]


def _analysis(config: StudyConfig, made: plan.StudyPlan) -> list[str]:
    others = made.others.tests if made.others else 0
    return [
        "## Analysis",
        "",
        f"t test of the net preference with a variance clustered by participant and by item, at "
        f"{config.analysis.alpha:g}. Holm over the {made.primary.tests} tests of "
        f"{config.analysis.primary_dimension!r} first; the {others} tests of the other questions follow, by Holm, "
        "only once all of these have succeeded.",
        "",
    ]
