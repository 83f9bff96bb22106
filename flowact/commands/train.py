"""The command line of training: `flowact train STAGE`."""

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from flowact.errors import UserError
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import LoopSettings

if TYPE_CHECKING:
    from flowact.training.parts import Parts

TRANSFORMER_STAGES = (
    ("adapt", "autoregressive adaptation of the transformer", 24, 1e-3),
    ("joint", "joint audio-motion finetuning of the transformer", 24, 1e-3),
    ("self-forcing", "the same on memory that the model made itself", 24, 4e-4),
    ("cfg-distill", "one call learns the result of guidance", 24, 3e-4),
    ("step-distill", "one call learns the result of several", 16, 2e-4),
    ("dmd", "score distillation of the few-step model", 12, 5e-5),
)
"""Name, summary, samples per step and learning rate, in the order of the recipe."""

SAMPLING_OPTIONS: tuple[tuple[str, type, str], ...] = (
    ("calls", int, "model calls per chunk"),
    ("shift", float, "above 1 spends more calls on high noise"),
    ("guidance", float, "classifier-free guidance towards the sound; 1 costs one call"),
)
"""Fields of the scheduler that an export may choose anew."""

COUNTED = ("batch", "people", "steps", "minutes", "learning_rate", "seconds")
"""Options of the stages that make sense above 0 only."""

IMAGINED = 2400
"""Clips that are imagined unless somebody asks for another number."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare one subcommand per stage, in the order of the recipe."""
    stages = parser.add_subparsers(dest="stage", metavar="STAGE", required=True)
    _declare_tokenizer(stages.add_parser("tokenizer", help="train one view of the tokenizer"))
    summary = "train what corrects the tokenizer's encoders by the landmarks of faces"
    _declare_correction(stages.add_parser("correction", help=summary))
    summary = "the codec of a preset, and what hears and reads for its transformer"
    _declare_parts(stages.add_parser("parts", help=summary))
    summary = "imagine performances, and encode clips, for the transformer"
    _declare_latents(stages.add_parser("latents", help=summary))
    summary = "train the network that looks at portraits, on head shots that it renders"
    _declare_landmarks(stages.add_parser("landmarks", help=summary))
    summary = "train the network that then looks at their eyes from near"
    _declare_landmarks(stages.add_parser("eyes", help=summary))
    summary = "train the audio encoder on the mouth's curves"
    _declare_audio(stages.add_parser("audio", help=summary))
    for name, summary, batch, rate in TRANSFORMER_STAGES:
        _declare_transformer(stages.add_parser(name, help=summary), batch, rate)
    summary = "all stages in order, from nothing to a checkpoint"
    _declare_all(stages.add_parser("all", help=summary))
    _declare_export(stages.add_parser("export", help="join trained parts into a checkpoint to run"))


def _declare_tokenizer(tokenizer: argparse.ArgumentParser) -> None:
    tokenizer.add_argument("--view", choices=("whole", "face"), required=True)
    add_loop_arguments(tokenizer, learning_rate=6e-4)
    tokenizer.add_argument(
        "--part", choices=("decoder", "encoder"), required=True, help="they are trained apart"
    )
    tokenizer.add_argument(
        "--batch", type=int, help="windows per step (4 for the decoder, 24 for the encoder)"
    )
    tokenizer.add_argument(
        "--init", type=Path, help="run or checkpoint whose weights it starts from"
    )
    tokenizer.set_defaults(start=_train_tokenizer)


def _declare_correction(correction: argparse.ArgumentParser) -> None:
    add_loop_arguments(correction, learning_rate=1e-3)
    correction.add_argument("--batch", type=int, default=128, help="frames per step")
    correction.add_argument(
        "--tokenizer", type=Path, required=True, help="checkpoint whose encoders are corrected"
    )
    correction.set_defaults(start=_train_correction)


def _declare_parts(parts: argparse.ArgumentParser) -> None:
    parts.add_argument("--preset", default="large", help="what they are for (%(default)s)")
    parts.add_argument("--out", type=Path, required=True, help="folder of the parts")
    source = "folder or hub id of its weights (random ones)"
    parts.add_argument(
        "--codec", metavar="SOURCE", help=f"video autoencoder of diffusers: {source}"
    )
    parts.add_argument("--audio", metavar="SOURCE", help=f"network of transformers: {source}")
    parts.add_argument("--text", metavar="SOURCE", help=f"network of transformers: {source}")
    parts.add_argument(
        "--tiny-decoder", metavar="FILE", type=Path, help="taew2_2.pth of TAEHV, to decode quicker"
    )
    parts.set_defaults(start=_make_parts)


def _declare_latents(latents: argparse.ArgumentParser) -> None:
    latents.add_argument("--out", type=Path, required=True, help="folder of the encoded clips")
    latents.add_argument(
        "--imagined", type=int, help="clips made without pictures (2400; none with --parts)"
    )
    latents.add_argument("--seconds", type=float, default=8.0, help="length of an imagined clip")
    latents.add_argument(
        "--voices",
        choices=("all", "english"),
        default="all",
        help="all needs the program festival and its voices, which speak six more languages",
    )
    latents.add_argument("--data", type=Path, help="rendered clips to encode, train/ and heldout/")
    latents.add_argument(
        "--tokenizer", type=Path, help="trained tokenizer that encodes the rendered clips"
    )
    latents.add_argument(
        "--parts", type=Path, help="folder of `train parts` that encodes them, instead"
    )
    latents.add_argument(
        "--encode-steps",
        metavar="N",
        type=int,
        default=0,
        help="of fitting their latents through the decoder, with --data; takes seconds a frame (%(default)d)",
    )
    latents.set_defaults(start=_make_latents)


def _declare_landmarks(landmarks: argparse.ArgumentParser) -> None:
    add_loop_arguments(landmarks, learning_rate=2e-3, data="folder of the head shots")
    landmarks.add_argument("--batch", type=int, default=48, help="windows per step")
    landmarks.add_argument("--people", type=int, default=500, help="people to train on")
    landmarks.add_argument(
        "--assets",
        type=Path,
        metavar="DIR",
        help="folder of photographic textures, as of `flowact synth --assets`; filled if it is new",
    )
    landmarks.add_argument(
        "--photographs", type=Path, help="folder of pictures without faces to put behind the heads"
    )
    landmarks.set_defaults(start=_train_landmarks)


def _declare_audio(audio: argparse.ArgumentParser) -> None:
    add_loop_arguments(audio, learning_rate=1e-3)
    audio.add_argument("--batch", type=int, default=32, help="windows per step")
    audio.add_argument("--preset", default="default", help="sizes of the network (%(default)s)")
    audio.add_argument("--init", type=Path, help="run or checkpoint whose encoder it starts from")
    audio.set_defaults(start=_train_audio)


def _declare_transformer(stage: argparse.ArgumentParser, batch: int, rate: float) -> None:
    add_loop_arguments(stage, learning_rate=rate)
    stage.add_argument("--batch", type=int, default=batch, help="samples per step")
    stage.add_argument("--preset", default="default", help="sizes of the network (%(default)s)")
    stage.add_argument("--init", type=Path, help="run or checkpoint whose weights it starts from")
    stage.add_argument(
        "--teacher",
        type=Path,
        help="run or checkpoint that a distillation imitates (--init; dmd needs one)",
    )
    stage.add_argument(
        "--audio",
        type=Path,
        help="run of `train audio`, or any with an audio encoder, which is used and not changed",
    )
    stage.set_defaults(start=_train_transformer)


def _declare_all(everything: argparse.ArgumentParser) -> None:
    everything.add_argument("--out", type=Path, required=True, help="folder of data, runs and logs")
    everything.add_argument(
        "--budget",
        default="two-cores",
        help="how much of everything: two-cores, half-hour, or a .yaml (%(default)s)",
    )
    everything.add_argument(
        "--assets",
        metavar="DIR",
        type=Path,
        help="folder of photographic textures (CC0), which most people then wear; filled from npm if it is new",
    )
    everything.set_defaults(start=_train_all)


def _declare_export(export: argparse.ArgumentParser) -> None:
    for view in ("whole", "face"):
        for part in ("decoder", "encoder"):
            export.add_argument(
                f"--{view}-{part}", type=Path, help=f"run of the {view} view's {part}"
            )
    export.add_argument(
        "--tokenizer", type=Path, help="checkpoint whose tokenizer is taken, instead of those runs"
    )
    export.add_argument(
        "--correction", type=Path, help="run of `train correction` for that checkpoint's encoders"
    )
    export.add_argument(
        "--parts", type=Path, help="folder of `train parts` that the transformer was trained for"
    )
    export.add_argument("--transformer", type=Path, help="run of the transformer's last stage")
    export.add_argument(
        "--audio", type=Path, help="run of `train audio` whose encoder replaces the transformer's"
    )
    export.add_argument(
        "--calibration",
        type=Path,
        help="encoded clips by which the decoder learns to use eight bits",
    )
    export.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    for name, kind, what in SAMPLING_OPTIONS:
        export.add_argument(f"--{name}", type=kind, help=f"{what} (as it was trained)")
    export.set_defaults(start=_export)


def run(args: argparse.Namespace) -> None:
    """Train the chosen stage."""
    for name in COUNTED:
        value = getattr(args, name, None)
        if value is not None and not (value > 0 and math.isfinite(value)):
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} must be a number above 0, not {value}.")
    args.start(args)


def add_loop_arguments(
    parser: argparse.ArgumentParser,
    learning_rate: float,
    data: str = "folder with train/ and heldout/ clips",
) -> None:
    """Declare what every stage takes; read back by `loop_settings`."""
    parser.add_argument("--data", type=Path, required=True, help=data)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the run; an earlier run resumes"
    )
    parser.add_argument("--steps", type=int, help="stop at this step")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--warm-up", type=int, default=200, help="steps of rising learning rate")
    parser.add_argument("--decay-from", type=int, help="first step of the cosine decay")
    parser.add_argument("--decay-to", type=int, help="last step of the cosine decay")
    parser.add_argument("--evaluate-minutes", type=float, default=10.0)
    parser.add_argument("--save-minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)


def loop_settings(args: argparse.Namespace) -> LoopSettings:
    """The loop's settings out of parsed arguments."""
    try:
        schedule = LearningRateSchedule(
            args.learning_rate, args.warm_up, args.decay_from, args.decay_to
        )
    except ValueError as error:
        raise UserError(
            f"--warm-up {args.warm_up}, --decay-from and --decay-to do not fit together: {error}."
        ) from error
    return LoopSettings(
        run=args.out,
        schedule=schedule,
        steps=args.steps,
        minutes=args.minutes,
        save_minutes=args.save_minutes,
        evaluate_minutes=args.evaluate_minutes,
    )


def _train_tokenizer(args: argparse.Namespace) -> None:
    from flowact.tokenizer.config import FACE_CONFIG, WHOLE_CONFIG
    from flowact.training.tokenizer.train_decoder import DecoderSettings, train_decoder
    from flowact.training.tokenizer.train_encoder import train_encoder

    config = FACE_CONFIG if args.view == "face" else WHOLE_CONFIG
    loop = loop_settings(args)
    if args.part == "encoder":
        train_encoder(config, args.data, loop, args.batch or 24, args.seed, args.init)
    else:
        settings = DecoderSettings(batch=args.batch or DecoderSettings.batch)
        train_decoder(config, args.data, loop, settings, args.seed, args.init)


def _train_correction(args: argparse.Namespace) -> None:
    from flowact.training.tokenizer.train_correction import train_correction

    train_correction(args.tokenizer, args.data, loop_settings(args), args.batch, args.seed)


def _make_parts(args: argparse.Namespace) -> None:
    from flowact.presets import load_preset
    from flowact.training.parts import Sources, make_parts

    sources = Sources(args.codec, args.audio, args.text, args.tiny_decoder)
    make_parts(load_preset(args.preset), sources).save(args.out)
    print(f"{args.out}: parts of the preset {args.preset}")  # noqa: T201 - the result


def _make_latents(args: argparse.Namespace) -> None:
    from flowact.training.data.make_latents import LatentRequest, make_latents

    request = LatentRequest(
        args.out,
        (0 if args.parts else IMAGINED) if args.imagined is None else args.imagined,
        args.seconds,
        args.voices,
        args.data,
        args.tokenizer,
        args.parts,
        args.encode_steps,
    )
    encoded, imagined = make_latents(request)
    print(f"{encoded} clips encoded and {imagined} imagined in {args.out}")  # noqa: T201 - the result


def _train_landmarks(args: argparse.Namespace) -> None:
    from flowact.datagen.photographic.sources.download import ensure
    from flowact.training.landmarks.train import LandmarkData, train_eyes, train_landmarks

    textures = ensure(args.assets.resolve()) if args.assets else None
    data = LandmarkData(args.data, args.people, textures, args.photographs)
    train = train_eyes if args.stage == "eyes" else train_landmarks
    steps = train(data, loop_settings(args), args.batch, args.seed)
    print(f"{args.out}: {args.stage}.safetensors after {steps} steps")  # noqa: T201 - the result


def _train_audio(args: argparse.Namespace) -> None:
    from flowact.training.transformer.audio_encoder_stage import train_audio_encoder

    loop = loop_settings(args)
    train_audio_encoder(args.data, args.preset, args.init, loop, args.batch, args.seed)


def _train_transformer(args: argparse.Namespace) -> None:
    from flowact.training.transformer.stages import train_stage

    train_stage(
        args.stage,
        args.data,
        args.preset,
        args.init,
        loop_settings(args),
        args.batch,
        args.seed,
        args.teacher,
        args.audio,
    )


def _train_all(args: argparse.Namespace) -> None:
    from flowact.commands.train_all import load_budget, train_all

    print(train_all(load_budget(args.budget), args.out, args.assets))  # noqa: T201 - the result


def _export(args: argparse.Namespace) -> None:
    from flowact.training.export import export

    asked = {name: getattr(args, name) for name, _, _ in SAMPLING_OPTIONS}
    sampling = {name: value for name, value in asked.items() if value is not None}
    parts = _chosen_parts(args)
    export(parts, args.transformer, args.out, sampling, args.audio, args.calibration)
    if args.transformer is None:
        print(f"{args.out}: only the tokenizer, since no --transformer was given")  # noqa: T201
    else:
        print(args.out)  # noqa: T201 - the result


def _chosen_parts(args: argparse.Namespace) -> "Parts":
    from flowact.training.parts import Parts
    from flowact.training.tokenizer.assemble import (
        TokenizerRuns,
        load_tokenizer,
        shipped_tokenizer,
        with_parts,
    )

    runs = (args.whole_decoder, args.whole_encoder, args.face_decoder, args.face_encoder)
    if args.parts and not any((*runs, args.tokenizer, args.correction)):
        return Parts.load(args.parts)
    if args.tokenizer and not (args.whole_encoder or args.face_encoder or args.parts):
        decoders = [run for run in (args.whole_decoder, args.face_decoder) if run]
        return Parts(with_parts(shipped_tokenizer(args.tokenizer), decoders, args.correction))
    if all(runs) and not (args.tokenizer or args.parts or args.correction):
        return Parts(load_tokenizer(TokenizerRuns(*runs)))
    raise UserError(
        "Give the four runs of a tokenizer, or one checkpoint with --tokenizer and perhaps other decoders "
        "and a --correction, or --parts."
    )
