"""Alerts, scraping and dashboard against a real `promtool` and the metrics that a real page has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from flowact.live.operations.metrics import LiveMetrics
from flowact.live.session.manager import SessionManager
from flowact.live.settings import LiveSettings
from study.operations.metrics import figures as study_figures

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "flowact.json"
OURS = re.compile(r"\b(?:flowact|study)_\w+")


def promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    assert program, "promtool comes with Debian's package prometheus"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Process:
    """What a study adds to the registry of its process, and not what Python itself does."""

    def collect(self):
        study_figures()
        yield from (metric for metric in REGISTRY.collect() if metric.name.startswith("study_"))
        yield GaugeMetricFamily("study_excluded_ratio", "as `ExcludedShare` names it", 0.0)


PROCESS = Process()


@pytest.fixture(scope="module")
def samples() -> set[str]:
    """Names of all samples, of histograms too, whose labels nobody has filled yet."""
    manager = SessionManager(LiveSettings())
    text = generate_latest(LiveMetrics(manager).registry).decode()
    text += generate_latest(PROCESS).decode()
    manager.uploads.close()
    names = set()
    for family in text_string_to_metric_families(text):
        endings = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}
        names |= {family.name + ending for ending in endings.get(family.type, ("",))}
    return names


def expressions() -> list[str]:
    rules = yaml.safe_load(RULES.read_text())["groups"]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    alerts = [rule["expr"] for group in rules for rule in group["rules"]]
    return alerts + [target["expr"] for panel in panels for target in panel["targets"]]


def test_prometheus_reads_its_files():
    told = promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))
    assert f"{len(yaml.safe_load(RULES.read_text())['groups'][0]['rules'])} rules found" in told


def test_every_query_asks_for_what_there_is(samples):
    asked = {name for expression in expressions() for name in OURS.findall(expression)}
    assert len(asked) > 15 and asked - samples == set()


def test_the_dashboard_shows_every_metric(samples):
    shown = {name for expression in expressions() for name in OURS.findall(expression)}
    families = {re.sub("_(bucket|count|sum)$", "", name) for name in samples}
    assert families - {re.sub("_(bucket|count|sum)$", "", name) for name in shown} == set()


def test_every_query_of_the_dashboard_is_one_that_prometheus_understands(tmp_path):
    written = [expression.replace("$__rate_interval", "1m") for expression in expressions()]
    rules = [{"record": f"try:{number}", "expr": each} for number, each in enumerate(written)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "try", "rules": rules}]}))
    promtool("check", "rules", str(tmp_path / "rules.yml"))


ALARMS = {
    "StudyExcludesMany": ("study_excluded_ratio", "0.5x20"),
    "FlowActDown": ('up{job="flowact", instance="a"}', "0x20"),
    "FlowActFull": ("flowact_waiting", "2x20"),
    "FlowActNoSpare": ('flowact_spare_ready{instance="a"}', "0x20"),
    "FlowActWorkersRestart": (
        'flowact_worker_restarts_total{instance="a", reason="crash"}',
        "0 0 1 2 3 4 5 6 7 8 9 10 10x9",
    ),
}


def test_alerts_ring_when_they_should_and_only_then(tmp_path):
    """Rules run by Prometheus itself, on series that are made up."""
    late = [
        {"series": 'flowact_pieces_late_total{instance="a"}', "values": "0+30x20"},
        {"series": 'flowact_pieces_total{instance="a"}', "values": "0+375x20"},
        {"series": 'flowact_join_seconds_bucket{le="2.0"}', "values": "0+1x20"},
        {"series": 'flowact_join_seconds_bucket{le="4.0"}', "values": "0+60x20"},
        {"series": 'flowact_join_seconds_bucket{le="+Inf"}', "values": "0+60x20"},
    ]
    series = [{"series": name, "values": values} for name, values in ALARMS.values()] + late
    calm = [
        {"series": 'up{job="flowact", instance="a"}', "values": "1x20"},
        {"series": "study_excluded_ratio", "values": "0.2x20"},
        {"series": "flowact_waiting", "values": "0x20"},
        {"series": 'flowact_spare_ready{instance="a"}', "values": "1x20"},
        {"series": 'flowact_worker_restarts_total{instance="a", reason="crash"}', "values": "1x20"},
        {"series": 'flowact_pieces_late_total{instance="a"}', "values": "0+1x20"},
        {"series": 'flowact_pieces_total{instance="a"}', "values": "0+375x20"},
    ]
    names = [*ALARMS, "FlowActLatePieces", "FlowActSlowJoins"]
    tests = [
        {
            "interval": "1m",
            "input_series": made,
            "promql_expr_test": [
                {
                    "expr": f'count by (alertname) (ALERTS{{alertstate="firing", alertname="{name}"}})',
                    "eval_time": "15m",
                    "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1}]
                    if rings
                    else [],
                }
                for name in names
            ],
        }
        for made, rings in ((series, True), (calm, False))
    ]
    file = tmp_path / "test.yml"
    file.write_text(
        json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests})
    )
    promtool("test", "rules", str(file))
    assert {
        rule["alert"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    } == set(names)
