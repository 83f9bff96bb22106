import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from flowact.errors import UserError
from flowact.training.data.latents import LatentFolder
from flowact.training.data.samples import LAYOUTS, SHORTEST_CLIP, Dropout, SampleSource
from flowact.training.loop.checkpoints import load_newest
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import LoopSettings
from flowact.training.transformer.distillation import StepStage
from flowact.training.transformer.dmd import ScoreStage
from flowact.training.transformer.flow_matching import mouth_of
from flowact.training.transformer.flow_matching_stage import (
    JOINT,
    DiffusionStage,
    Prediction,
    load_stage_inputs,
)
from flowact.training.transformer.run_weights import load_transformer
from flowact.training.transformer.stages import DISTILLATIONS, FLOWS, train_stage
from tests.training.toy_latents import SIZES, write_toy_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_data(tmp_path_factory.mktemp("latents"))


def limits(run: Path, steps: int, rate: float = 4e-3) -> LoopSettings:
    return LoopSettings(
        run, LearningRateSchedule(rate, warmup=10), steps=steps, ema=0.95, evaluate_minutes=99
    )


@pytest.fixture(scope="module")
def joint(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "joint"
    train_stage("joint", data, str(data / "toy.yaml"), None, limits(run, 60), 8)
    return run


@pytest.fixture(scope="module")
def novice(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "novice"
    train_stage("joint", data, str(data / "toy.yaml"), None, limits(run, 1), 8)
    return run


def last_scores(run: Path) -> dict[str, float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return next(line for line in reversed(lines) if "lips" in line and "motion" in line)


def test_a_run_resumes_and_can_start_another(data: Path, tmp_path: Path) -> None:
    preset, adapt, joint = str(data / "toy.yaml"), tmp_path / "adapt", tmp_path / "joint"
    assert train_stage("adapt", data, preset, None, limits(adapt, 2), 4) == 2
    assert train_stage("adapt", data, preset, None, limits(adapt, 4), 4) == 4
    assert train_stage("self-forcing", data, preset, adapt, limits(joint, 0), 4) == 0
    first, second = load_transformer(adapt), load_transformer(joint)
    assert first.config.dim == SIZES["dim"]
    for name, weight in first.state_dict().items():
        assert torch.equal(weight, second.state_dict()[name])


def test_an_interrupted_stage_goes_on_as_if_it_had_not_been(data: Path, tmp_path: Path) -> None:
    preset = str(data / "toy.yaml")
    for run, ends in (("straight", (6,)), ("interrupted", (3, 6))):
        for steps in ends:
            train_stage("self-forcing", data, preset, None, limits(tmp_path / run, steps), 4)
    straight, interrupted = (load_newest(tmp_path / run) for run in ("straight", "interrupted"))
    assert straight.rest["extras"]["samples"]["generated"]
    for name, weight in straight.model.items():
        assert torch.equal(weight, interrupted.model[name]), name


def test_processes_draw_batches_of_their_own(data: Path) -> None:
    sources = [
        SampleSource(LatentFolder(data / "train", SHORTEST_CLIP), 2, Dropout(), 0, rank=rank)
        for rank in range(2)
    ]
    one, other = (source.draw(LAYOUTS[0][1]).stream for source in sources)
    assert not torch.equal(one, other)


def test_a_missing_folder_is_the_users_mistake(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no encoded clips"):
        train_stage("joint", tmp_path, str(data / "toy.yaml"), None, limits(tmp_path / "r", 1), 4)


@pytest.mark.parametrize("name", DISTILLATIONS)
def test_a_distillation_needs_a_teacher(name: str, data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs --init"):
        train_stage(name, data, str(data / "toy.yaml"), None, limits(tmp_path / "r", 1), 4)


def test_only_a_distillation_takes_a_teacher(data: Path, joint: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="imitates nobody"):
        train_stage(
            "joint", data, str(data / "toy.yaml"), joint, limits(tmp_path, 1), 4, teacher=joint
        )


def test_scores_need_a_teacher_of_their_own(data: Path, joint: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dmd needs --teacher"):
        train_stage("dmd", data, str(data / "toy.yaml"), joint, limits(tmp_path, 1), 4)


def test_a_distillation_of_another_size_is_refused(data: Path, joint: Path, tmp_path: Path) -> None:
    wider = tmp_path / "wider.yaml"
    sizes = yaml.safe_load((data / "toy.yaml").read_text())
    sizes["transformer"]["mlp_ratio"] = 4.0
    wider.write_text(yaml.safe_dump(sizes))
    with pytest.raises(UserError, match=r"weights of preset .* are not in .* of the same sizes"):
        train_stage("cfg-distill", data, str(wider), joint, limits(tmp_path / "r", 1), 4)


def test_a_student_imitates_the_teacher_that_it_is_given(
    data: Path, joint: Path, tmp_path: Path
) -> None:
    preset, other = str(data / "toy.yaml"), tmp_path / "other"
    train_stage("self-forcing", data, preset, None, limits(other, 1), 4)
    made = load_stage_inputs(data, preset, joint, None, tmp_path, JOINT, seed=0)
    stage = StepStage(made, JOINT, teacher=load_transformer(other))
    weights = load_transformer(other).video_out.weight
    assert torch.equal(stage.teacher.transformer.video_out.weight, weights)
    assert not torch.equal(stage.model.transformer.video_out.weight, weights)


@pytest.mark.parametrize("name", [*FLOWS, *DISTILLATIONS])
def test_a_stage_works_where_its_model_is(
    name: str, data: Path, joint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no GPU here; the meta device refuses tensors of the CPU as a GPU would.
    elsewhere = torch.device("meta")
    monkeypatch.setattr("flowact.training.transformer.dmd.finite", lambda norm: True)
    settings = FLOWS.get(name, JOINT)
    preset = str(data / "toy.yaml")
    made = load_stage_inputs(data, preset, joint, None, tmp_path, settings, 0, elsewhere)
    teacher = load_transformer(joint).to(elsewhere)
    if name in DISTILLATIONS:
        stage = DISTILLATIONS[name](made, settings, teacher=teacher)
    else:
        stage = DiffusionStage(made.transformer, made.source, made.heldout, made.readout, settings)
    loss, _ = stage.loss(stage.model, 1)
    loss.backward()
    assert loss.device == elsewhere


def distance_to_teacher(name: str, data: Path, teacher: Path, student: Path) -> float:
    """How far a student's velocities are from those wanted of it; on the same batches and noise, whoever it is."""
    made = load_stage_inputs(data, str(data / "toy.yaml"), student, None, student, JOINT, seed=0)
    stage = DISTILLATIONS[name](made, JOINT, teacher=load_transformer(teacher))
    torch.manual_seed(0)
    with torch.no_grad():
        return sum(stage.loss(stage.model, step)[1]["velocity"].item() for step in range(6))


@pytest.mark.parametrize(
    ("name", "first", "closer"),
    # A student that is its teacher is nearly where many small steps of that lead.
    [("cfg-distill", "novice", 0.5), ("step-distill", "joint", 0.9)],
)
def test_a_student_comes_closer_to_its_teacher(
    name: str,
    first: str,
    closer: float,
    data: Path,
    joint: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    student = request.getfixturevalue(first)
    before = distance_to_teacher(name, data, joint, student)
    train_stage(
        name, data, str(data / "toy.yaml"), student, limits(tmp_path, 40, 2e-3), 8, teacher=joint
    )
    assert distance_to_teacher(name, data, joint, tmp_path) < closer * before
    asked = json.loads((tmp_path / "sampling.json").read_text())
    assert asked == {"shift": 20.0, "guidance_embedding": 2.0}


def score_stage(data: Path, joint: Path, tmp_path: Path) -> ScoreStage:
    made = load_stage_inputs(data, str(data / "toy.yaml"), joint, None, tmp_path, JOINT, seed=0)
    return ScoreStage(made, JOINT, teacher=load_transformer(joint))


def test_scores_pull_what_was_made_towards_the_teacher_and_leave_the_mouth(
    data: Path, joint: Path, tmp_path: Path
) -> None:
    stage = score_stage(data, joint, tmp_path)
    batch, made = stage._generated(stage.model)
    made = made.detach()
    nudge = torch.randn_like(made)

    def says(clean: torch.Tensor):  # a network that is sure of what is clean
        def velocity(noisy, scale=None):
            share = noisy.levels[..., None, None, None]
            return Prediction((noisy.latents - clean) / share, torch.zeros(()))

        return velocity

    stage.teacher, stage.fake = says(made + nudge), says(made)
    towards = stage._towards_likely(batch, made)
    assert (towards * nudge).sum() > 0
    readout = stage.losses.readout
    mouth = mouth_of(readout.mean)
    torch.set_float32_matmul_precision("highest")  # coarse products, as in training, are no measure
    given, left = (readout.motion(made + x) - readout.motion(made) for x in (nudge, towards))
    assert left[..., mouth].abs().max() < 1e-3 * given[..., mouth].abs().max()
    leaf = made.clone().requires_grad_()
    stage._score_loss(batch, leaf).backward()
    assert (leaf.grad * nudge).sum() < 0  # a step down the gradient goes to the teacher


def test_a_batch_that_is_not_finite_leaves_the_fake_score_alone(
    data: Path, joint: Path, tmp_path: Path
) -> None:
    stage = score_stage(data, joint, tmp_path)
    batch, made = stage._generated(stage.model)
    stage._train_fake(batch, torch.full_like(made, float("nan")))
    assert all(parameter.isfinite().all() for parameter in stage.fake.parameters())
    before = stage.fake.transformer.video_out.weight.clone()
    stage._train_fake(batch, made.detach())
    assert not torch.equal(stage.fake.transformer.video_out.weight, before)


def test_processes_share_the_gradients_of_a_network_that_no_backend_wraps(tmp_path: Path) -> None:
    script = tmp_path / "average.py"
    script.write_text(
        "import torch, torch.distributed as dist\n"
        "from flowact.training.loop.backend import average_gradients\n"
        "dist.init_process_group('gloo')\n"
        "one, other = (torch.nn.Parameter(torch.zeros(2)) for _ in range(2))\n"
        "one.grad = torch.full((2,), float(dist.get_rank()))\n"
        "if dist.get_rank(): other.grad = torch.ones(2)\n"
        "average_gradients([one, other])\n"
        "assert one.grad.tolist() == other.grad.tolist() == [0.5, 0.5]\n"
        "dist.destroy_process_group()\n"
    )
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(
        [sys.executable, *launch], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr


def test_score_distillation_keeps_the_lips_and_resumes_with_its_scores(
    data: Path, joint: Path, tmp_path: Path
) -> None:
    preset, first, last = str(data / "toy.yaml"), tmp_path / "step", tmp_path / "dmd"
    train_stage("step-distill", data, preset, joint, limits(first, 40, 2e-3), 8)
    train_stage("dmd", data, preset, first, limits(last, 6, 2e-4), 8, teacher=joint)
    train_stage("dmd", data, preset, first, limits(last, 8, 2e-4), 8, teacher=joint)
    saved = torch.load(last / "step-00000008" / "rest.pt", weights_only=True)["extras"]
    begun = load_transformer(first).state_dict()
    moved = saved["fake"]["transformer.video_out.weight"] - begun["video_out.weight"]
    assert moved.abs().max() > 0
    assert last_scores(last)["lips"] > last_scores(first)["lips"] - 0.1
