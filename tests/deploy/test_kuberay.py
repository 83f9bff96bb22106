"""The manifests for KubeRay are what Kubernetes expects, name what exists, and describe a fleet that can be built."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from flowact.commands.fleet import ray_service
from flowact.commands.fleet.ray_service import RayServiceArgs, ray_service_plan
from flowact.fleet.engine import ENVIRONMENT
from flowact.live.settings import LiveSettings

ROOT = Path(__file__).resolve().parents[2]
KUBERAY = ROOT / "deploy" / "kuberay"
SCHEMA = Path(__file__).with_name("kubernetes.schema.json")
OVERLAYS = ("base", "gpu")


def read(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def patched(found: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Apply what kustomize would: JSON patches that replace a field or append to a list."""
    made = copy.deepcopy(found)
    for operation in operations:
        *way, last = operation["path"].strip("/").split("/")
        place = made
        for step in way:
            place = place[step]
        if operation["op"] == "replace":
            assert last in place
            place[last] = operation["value"]
        else:
            assert (operation["op"], last) == ("add", "-")
            place.append(operation["value"])
    return made


def kustomized(folder: Path) -> list[dict[str, Any]]:
    """The objects of a kustomization, as far as ours goes."""
    (told,) = read(folder / "kustomization.yaml")
    objects: list[dict[str, Any]] = []
    for resource in told["resources"]:
        place = folder / resource
        objects += kustomized(place) if place.is_dir() else read(place)
    for patch in told.get("patches", []):
        (operations,) = read(folder / patch["path"])
        meant = patch["target"]["kind"], patch["target"]["name"]
        hit = [one for one in objects if (one["kind"], one["metadata"]["name"]) == meant]
        assert len(hit) == 1, patch
        objects[objects.index(hit[0])] = patched(hit[0], operations)
    return objects


def valid(objects: list[dict[str, Any]], folder: Path) -> bool:
    files = []
    for number, one in enumerate(objects):
        files.append(folder / f"{number}.json")
        files[-1].write_text(json.dumps(one))
    program = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA)]
    return subprocess.run([*program, *files], capture_output=True, check=False).returncode == 0


def containers(one: dict[str, Any]) -> list[dict[str, Any]]:
    """All containers of an object, wherever they are."""
    if isinstance(one, list):
        return [found for each in one for found in containers(each)]
    if not isinstance(one, dict):
        return []
    return one.get("containers", []) + [
        found for each in one.values() for found in containers(each)
    ]


@pytest.fixture(scope="module", params=OVERLAYS)
def objects(request) -> list[dict[str, Any]]:
    return kustomized(KUBERAY / request.param)


@pytest.fixture
def service(objects) -> dict[str, Any]:
    (found,) = [one for one in objects if one["kind"] == "RayService"]
    return found


def test_they_are_what_kubernetes_expects_and_a_mistake_is_seen(objects, tmp_path):
    (tmp_path / "right").mkdir()
    (tmp_path / "wrong").mkdir()
    told = [read(KUBERAY / name / "kustomization.yaml")[0] for name in OVERLAYS]
    assert valid(objects + told, tmp_path / "right")
    wrong = copy.deepcopy(objects[0])
    containers(wrong)[0]["imagee"] = "flowact"
    assert not valid([wrong], tmp_path / "wrong")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_is_there_and_every_image_is_used(overlay):
    folder = KUBERAY / overlay
    (told,) = read(folder / "kustomization.yaml")
    files = [
        entry.partition("=")[2]
        for made in told.get("configMapGenerator", [])
        for entry in made["files"]
    ]
    for name in (*told["resources"], *files, *(patch["path"] for patch in told.get("patches", []))):
        assert (folder / name).exists(), name
    used = {container["image"] for one in kustomized(folder) for container in containers(one)}
    assert {image["name"] for image in told["images"]} <= used


def test_services_find_their_pods_and_volumes_what_they_mount(objects):
    pods = [one["spec"]["template"] for one in objects if one["kind"] == "Deployment"]
    labels = [pod["metadata"]["labels"] for pod in pods]
    for one in objects:
        if one["kind"] == "Service" and one["metadata"]["name"] != "head":
            assert one["spec"]["selector"] in labels
    (base,) = read(KUBERAY / "base" / "kustomization.yaml")
    made = {each["name"] for each in base["configMapGenerator"]}
    volumes = [volume for pod in pods for volume in pod["spec"].get("volumes", [])]
    assert volumes and {volume["configMap"]["name"] for volume in volumes} <= made


def test_the_edge_and_the_fleet_meet_at_names_and_ports_that_exist(objects, service):
    ports = {
        one["metadata"]["name"]: one["spec"]["ports"][0]["port"]
        for one in objects
        if one["kind"] == "Service"
    }
    edge = (ROOT / "deploy" / "edge" / "fleet.conf").read_text()
    told = yaml.safe_load(service["spec"]["serveConfigV2"])
    port = told["http_options"]["port"]
    assert port == LiveSettings().port == ports["head"] and f"server head:{port}" in edge
    cluster = service["spec"]["rayClusterConfig"]
    (head,) = containers(cluster["headGroupSpec"])
    assert {"name": "serve", "containerPort": port} in head["ports"], "where KubeRay asks Serve"
    (at_head,) = [one for one in objects if one["metadata"]["name"] == "head"]
    assert at_head["spec"]["selector"] == {"ray.io/node-type": "head", "ray.io/serve": "true"}
    assert cluster["gcsFaultToleranceOptions"]["redisAddress"] == f"store:{ports['store']}"


def test_ray_and_the_program_read_the_fleet(service, monkeypatch):
    monkeypatch.setenv("FLOWACT_TICKET_KEY", "secret")
    told = yaml.safe_load(service["spec"]["serveConfigV2"])
    read_by_ray = ServeDeploySchema.model_validate(told)
    (application,) = read_by_ray.applications
    assert told.keys() <= ServeDeploySchema.model_fields.keys()
    assert told["applications"][0].keys() <= type(application).model_fields.keys()
    assert application.import_path == f"{ray_service.__name__}:app"
    plan = ray_service_plan(RayServiceArgs.model_validate(application.args))
    assert plan.settings.store and not plan.direct and plan.apart and plan.gateways == 2
    groups = service["spec"]["rayClusterConfig"]["workerGroupSpecs"]
    assert len(groups) == len(plan.avatars)
    for group, avatars in zip(groups, plan.avatars.values(), strict=True):
        has = {name: float(much) for name, much in group["rayStartParams"].items()}
        wanted = {f"num-{name.lower()}s": much for name, much in avatars.resources.items()}
        assert wanted.items() <= has.items(), "a machine of the group holds one server"
        assert (group["minReplicas"], group["maxReplicas"]) == (avatars.least, avatars.most)
        assert service["spec"]["rayClusterDeletionDelaySeconds"] > avatars.drain_seconds


def test_ray_runs_as_on_a_command_line(service):
    cluster = service["spec"]["rayClusterConfig"]
    installed = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (ray,) = [
        each
        for each in installed["project"]["optional-dependencies"]["fleet"]
        if each.startswith("ray")
    ]
    pinned = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line.startswith("ray==")
    ]
    assert ray and pinned == [f"ray=={cluster['rayVersion']}"]
    unlike = {"RAY_AUTH_MODE", "RAY_agent_register_timeout_ms"}  # KubeRay's own; for busy machines
    ours = {name: value for name, value in ENVIRONMENT.items() if name not in unlike}
    assert cluster["authOptions"]["mode"] == ENVIRONMENT["RAY_AUTH_MODE"]
    (head,) = containers(cluster["headGroupSpec"])
    told = {each["name"]: each.get("value") for each in head["env"]}
    assert ours.items() <= told.items()
    for container in containers(cluster):
        assert container["env"] == head["env"], container["name"]
