"""The tokenizer: 480x480 video to latents and back, relative to a reference portrait."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final, TypeVar

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from flowact.timebase import FRAME_SIZE, FRAMES_PER_LATENT
from flowact.tokenizer.arms.draw import Arms, arms_of_people, with_arms
from flowact.tokenizer.arms.look import look_of_arms
from flowact.tokenizer.autoencoder import ViewAutoencoder, ViewState
from flowact.tokenizer.composite import (
    Compositor,
    FloatCompositor,
    NumbaCompositor,
    Uint8Compositor,
    feather_mask,
)
from flowact.tokenizer.config import (
    FACE_CONFIG,
    LATENT_CHANNELS,
    LATENT_GRID,
    WHOLE_CONFIG,
    ViewConfig,
)
from flowact.tokenizer.convolutions.int8 import uncalibrated, use_int8
from flowact.tokenizer.encoding.landmark_correction import LandmarkCorrection, landmark_numbers
from flowact.tokenizer.face_mesh.mouth import look_of_mouths
from flowact.tokenizer.face_mesh.reference_eyes import ReferenceEyes
from flowact.tokenizer.shown_motion import (
    MotionPostprocessor,
    ShownMotion,
    with_lowered_arms,
)
from flowact.tokenizer.state import DecoderState, ReferenceFeatures
from flowact.tokenizer.warp import sharpened

LATENT_SHAPE = (LATENT_CHANNELS, LATENT_GRID, 2 * LATENT_GRID)
"""Channels, rows and columns of a latent: the whole view's grid left, the face view's right."""

T = TypeVar("T")

ActivationRanges = dict[str, dict[str, tuple[float, float]]]
"""For the views "whole" and "face", what `flowact.tokenizer.convolutions.int8.Ranges` says of their decoders."""

POSTPROCESSED: Final = ("follow", "gestures", "blinks", "saccades")
"""Arguments of `Tokenizer` that say how a motion is shown; see `MotionPostprocessor`."""
EVERY: Final = (1, 2, 4)
"""Values of `whole_every` and `face_every`, which divide the frames of a latent."""


class Tokenizer(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Two view autoencoders and the seam between them.

    Four frames become one latent `[16, 8, 16]`. Frames are `[batch, 4 * n, 3, 480, 480]` in
    [-1, 1]. Decoding a stream in pieces gives exactly what decoding it at once gives.

    Args:
        whole_view, face_view: fields of `ViewConfig` of the two views; None for the default.
        feather: width in pixels of the ramp at the border of the face box.
        follow: how far body, gaze and brows follow what is generated within a frame, 0..1. A
            transformer of few steps leaves a tremble of a degree on every joint, which the eye sees at
            once; below 1 a filter of two equal poles takes it out and lets gestures lag by
            `2 / follow - 2` frames. 1 shows every latent as it is.
        whole_every: let the network see to one of so many frames of the whole view, 1, 2 or 4. What it finds
            changes evenly in between.
        face_every: the same of the face view, where a mesh moves every face of a batch: lips, eyes and lids
            still move in every frame.
        sharpen: how much of what the warp's interpolation blurs is added to the reference beforehand.
        detail: how much of the portrait's finest detail stays in the face, 0..1; see `shading`.
        mouth: how much of the inside of open mouths is drawn where the mesh has it, 0..1.
        eyes: how much of the portrait's open eyes is shown instead of what is painted, 0..1.
        lids: how much of shut lids is drawn there, 0..1.
        arms: how much of raised forearms and hands is drawn, 0..1.
        gestures: how far gestures that are half made are made whole, and raised hands wave, 0..1.
        blinks: how far blinks that are nearly made are made whole, 0..1.
        saccades: how far the gaze makes the small jumps that it makes in the data, 0..1.
        correction_width: width of what corrects the encoders by landmarks; 0 for none. See `LandmarkCorrection`.
        activation_ranges: what `use_int8` needs; None before a calibration.
    """

    face_share: Tensor
    """How much the face view's encoder is believed about each curve and pose number, 0..1."""

    config_name = "config.json"
    _keep_in_fp32_modules = ("code",)

    @register_to_config
    def __init__(
        self,
        whole_view: dict[str, Any] | None = None,
        face_view: dict[str, Any] | None = None,
        feather: int = 16,
        follow: float = 1.0,
        whole_every: int = 1,
        face_every: int = 1,
        sharpen: float = 0.0,
        detail: float = 0.0,
        mouth: float = 0.0,
        eyes: float = 0.0,
        lids: float = 0.0,
        arms: float = 0.0,
        gestures: float = 0.0,
        blinks: float = 0.0,
        saccades: float = 0.0,
        correction_width: int = 0,
        activation_ranges: ActivationRanges | None = None,
    ) -> None:
        super().__init__()
        if not 0 < follow <= 1:
            raise ValueError(f"follow is {follow}, expected above 0 and at most 1")
        for every in (whole_every, face_every):
            if every not in EVERY:
                raise ValueError(f"whole_every or face_every is {every}, expected 1, 2 or 4")
        self.whole = ViewAutoencoder(ViewConfig(**whole_view) if whole_view else WHOLE_CONFIG)
        self.face = ViewAutoencoder(ViewConfig(**face_view) if face_view else FACE_CONFIG)
        self.face.decoder.detail = detail
        self.register_buffer("seam", feather_mask(feather), persistent=False)
        self.register_buffer("face_share", torch.full((self.face.config.readouts,), 0.5))
        readouts, width = self.face.config.readouts, correction_width
        self.correction = LandmarkCorrection(readouts, width) if width else None
        self._helper: Executor | None = None

    @classmethod
    def from_views(cls, whole: ViewAutoencoder, face: ViewAutoencoder, **shown: Any) -> "Tokenizer":
        """Join two views that were trained on their own; `shown` are arguments of `Tokenizer`."""
        made: Tokenizer = cls(asdict(whole.config), asdict(face.config), **shown)
        made.whole.load_state_dict(whole.state_dict())
        made.face.load_state_dict(face.state_dict())
        return made

    def use_int8(self) -> bool:
        """Decode in eight bits from now on, on a processor; False without a calibration of all of it."""
        ranges = self.config.activation_ranges or {"whole": {}, "face": {}}
        decoders = {"whole": self.whole.decoder, "face": self.face.decoder}
        if any(uncalibrated(decoder, ranges[view]) for view, decoder in decoders.items()):
            return False
        for view, decoder in decoders.items():
            use_int8(decoder, ranges[view])
        return True

    def set_executor(self, helper: Executor | None) -> None:
        """Let another thread see to faces while the caller's sees to the rest; the pictures are the same."""
        self._helper = helper

    @property
    def uses_landmarks(self) -> bool:
        """Whether `reference_features` or `encode` makes use of landmarks."""
        meshes = self.face.config.mesh or self.whole.config.mesh
        return meshes or self.correction is not None

    def reference_features(
        self, reference: Tensor, points: Tensor | None = None
    ) -> ReferenceFeatures:
        """Look at portraits `[batch, 3, 480, 480]` in [-1, 1].

        `points` are their landmarks `[batch, 89, 2]` in pixels, as `flowact.portrait.reference_points` finds them;
        not numbers, or None, where there is no face. Without them lids and lips move less well.
        """
        _check_frames(reference[:, None])
        faces = self._begin(partial(self.face.look, reference, points))
        whole_motion, whole = self.whole.look(reference)
        face_motion, face = faces()
        motion = torch.lerp(whole_motion, face_motion, self.face_share.float())
        still = motion.expand(-1, FRAMES_PER_LATENT, -1)
        crisp = sharpened(whole.picture, self.config.sharpen)
        whole, face = (replace(view, picture=crisp) for view in (whole, face))
        arms = None
        if face.faces is not None:
            mouth = look_of_mouths(crisp, face.faces, self.config.mouth)
            eyes = ReferenceEyes.of(crisp, face.faces, self.config.eyes, self.config.lids)
            arms = look_of_arms(reference, face.faces, self.config.arms)
            face = replace(face, mouth=mouth, eyes=eyes)
        return ReferenceFeatures(whole, face, self.motion_to_latents(still)[:, 0], arms)

    def encode(self, frames: Tensor, reference: Tensor, points: Tensor | None = None) -> Tensor:
        """Latents `[batch, n, 16, 8, 16]` of `frames [batch, 4 * n, 3, 480, 480]`.

        They have about unit variance per channel. Both halves say the same: the mean of what the two
        views see, each believed as far as its encoder can tell, corrected by the landmarks of the reference
        and of every frame, `points [batch, 1 + 4 * n, 89, 2]`, where they are given and there is a face.
        """
        _check_frames(frames)
        if frames.shape[1] % FRAMES_PER_LATENT:
            raise ValueError(
                f"{frames.shape[1]} frames given, expected a multiple of {FRAMES_PER_LATENT}"
            )
        whole, face = self.estimates(frames, reference)
        motion = torch.lerp(whole, face, self.face_share.float())
        if self.correction is not None and points is not None:
            motion = motion + self.correction(landmark_numbers(whole, face, points))
        return self.motion_to_latents(motion)

    def estimates(self, frames: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised curves and pose, `[batch, n, channels]`, as the whole view and as the face view see them."""
        whole, face = (
            view.estimate(view.view.crop(frames), view.view.crop(reference))
            for view in (self.whole, self.face)
        )
        return whole, face

    def initial_state(self, features: ReferenceFeatures) -> DecoderState:
        """The state before the first frame: as if the portrait had been held still."""
        return self.steady_state(features.latent, features)

    def steady_state(self, latent: Tensor, features: ReferenceFeatures) -> DecoderState:
        """As if a latent `[batch, 16, 8, 16]` had been held for long."""
        return self._showing(ShownMotion.held(self.latents_to_motion(latent)), features)

    def compact_state(self, state: DecoderState) -> tuple[Tensor, ...]:
        """What was shown last and what depends on it: a thousandth of what the views remember."""
        motion = state.motion
        return motion.shown, motion.level, motion.aim, motion.frames

    @torch.no_grad()
    def restored_state(
        self, compact: tuple[Tensor, ...], features: ReferenceFeatures
    ) -> DecoderState:
        """The state of a decoder that showed that motion, as if it had shown it for long.

        Raises:
            ValueError: a motion of another tokenizer.
        """
        still = self.latents_to_motion(features.latent)
        shown, level, aim, frames = compact
        if shown.shape != still.shape or not level.shape == aim.shape == still[:, -1].shape:
            raise ValueError(f"motion is {tuple(shown.shape)}, expected {tuple(still.shape)}")
        shown, level, aim = (part.to(still) for part in (shown, level, aim))
        return self._showing(ShownMotion(shown, level, aim, frames.cpu()), features)

    def _showing(self, motion: ShownMotion, features: ReferenceFeatures) -> DecoderState:
        seen = self.seen_motion(motion.shown, features)
        whole, face = (
            view.steady_state(seen, reference)
            for view, reference in ((self.whole, features.whole), (self.face, features.face))
        )
        return DecoderState(motion, whole, face)

    def decode(
        self,
        state: DecoderState,
        z: Tensor,
        features: ReferenceFeatures,
        *,
        exact: bool = False,
    ) -> tuple[Tensor, DecoderState]:
        """Frames `[batch, 4 * n, 3, 480, 480]` of `z [batch, n, 16, 8, 16]`, and the next state.

        `exact` shows the motion as the latents say it, as reconstruction asks for.
        """
        return self._decoded(state, z, features, FloatCompositor(self.seam), exact)

    @torch.inference_mode()
    def decode_uint8(
        self,
        state: DecoderState,
        z: Tensor,
        features: ReferenceFeatures,
        *,
        exact: bool = False,
        coarse: bool = False,
    ) -> tuple[Tensor, DecoderState]:
        """Like `decode`, as uint8 `[batch, 4 * n, 480, 480, 3]` for a screen or an encoder.

        `coarse` lets the network see to a latent's last frame only: for less work, and not for someone who speaks.
        """
        compiled = z.device.type == "cpu" and self.whole.config.paint_scale == 1
        compositor = NumbaCompositor(self.seam) if compiled else Uint8Compositor(self.seam)
        return self._decoded(state, z, features, compositor, exact, coarse)

    def _decoded(
        self,
        state: DecoderState,
        z: Tensor,
        features: ReferenceFeatures,
        compositor: Compositor,
        exact: bool,
        coarse: bool = False,
    ) -> tuple[Tensor, DecoderState]:
        """All frames, each as the canvas leaves it; one latent at a time, so that chunking changes nothing."""
        _check_latents(z)
        shown = {} if exact else {name: self.config[name] for name in POSTPROCESSED}
        postprocessor = MotionPostprocessor(self.whole.code, **shown)
        frames: list[Tensor] = []
        for latent in z.unbind(1):
            motion = postprocessor.next(state.motion, self.latents_to_motion(latent))
            painted, whole, face = self._paint(state, motion.shown, features, compositor, coarse)
            frames += painted
            state = DecoderState(motion, whole, face)
        return torch.stack(frames, 1), state

    def latents_to_motion(self, z: Tensor) -> Tensor:
        """Standardised motion `[batch, 4, channels]`: the mean of what the halves of `z [batch, 16, 8, 16]` say."""
        whole, face = z.split(LATENT_GRID, -1)
        return (
            self.whole.code.latents_to_motion(whole) + self.face.code.latents_to_motion(face)
        ) / 2

    def motion_to_latents(self, motion: Tensor) -> Tensor:
        """Latents `[batch, n, 16, 8, 16]` whose halves both say a motion `[batch, 4 * n, channels]`."""
        return torch.cat(
            [view.code.motion_to_latents(motion) for view in (self.whole, self.face)], -1
        )

    def curves(self, z: Tensor) -> Tensor:
        """ARKit activations `[batch, n * 4, 52]` read from `z [batch, n, 16, 8, 16]` by a linear map."""
        return self._motion(z)[..., : self.whole.config.curves]

    def pose(self, z: Tensor) -> Tensor:
        """Joint poses `[batch, n * 4, joints, 3]` read from `z [batch, n, 16, 8, 16]` by a linear map."""
        return self._motion(z)[..., self.whole.config.curves :].unflatten(-1, (-1, 3))

    def _motion(self, z: Tensor) -> Tensor:
        """Curves, then pose, `[batch, n * 4, channels]`: the mean of what the two halves say."""
        _check_latents(z)
        whole, face = (
            view.code.restore(view.code.latents_to_motion(half.flatten(0, 1)))
            for view, half in zip((self.whole, self.face), z.split(LATENT_GRID, -1), strict=True)
        )
        return ((whole + face) / 2).unflatten(0, z.shape[:2]).flatten(1, 2)

    def _paint(
        self,
        state: DecoderState,
        motion: Tensor,
        features: ReferenceFeatures,
        compositor: Compositor,
        coarse: bool,
    ) -> tuple[list[Tensor], ViewState, ViewState]:
        """The four finished frames of a motion `[batch, 4, channels]`, and what each view remembers."""
        whole_every, face_every = self._every(features, coarse)
        before, now = (self.seen_motion(shown, features) for shown in (state.motion.shown, motion))
        faces = self._begin(
            partial(self.face.decode, state.face, before, now, features.face, face_every)
        )
        layers, whole_state = self.whole.decode(
            state.whole, before, now, features.whole, whole_every
        )
        arms = self._arms(motion, features)
        wholes = [compositor.whole(layer, features.whole.picture) for layer in layers.by_frame()]
        layers, face_state = faces()
        finished = []
        for whole, layer, raised in zip(wholes, layers.by_frame(), arms, strict=True):
            frame = compositor.finish(whole, layer, features.face.picture)
            finished.append(with_arms(frame, raised))
        return finished, whole_state, face_state

    def _every(self, features: ReferenceFeatures, coarse: bool) -> tuple[int, int]:
        """`whole_every` and `face_every` of a call; every frame of faces of which nobody knows the mesh."""
        if coarse:
            return FRAMES_PER_LATENT, FRAMES_PER_LATENT
        meshes = features.face.faces
        moved = meshes is not None and bool(meshes.found.all())
        return self.config.whole_every, self.config.face_every if moved else 1

    def seen_motion(self, motion: Tensor, features: ReferenceFeatures) -> Tensor:
        """A motion `[batch, n, channels]` as the networks see it: arms hang that are drawn from a mesh."""
        if features.arms is None:
            return motion
        drawn = torch.tensor([look is not None for look in features.arms], device=motion.device)
        return with_lowered_arms(motion, drawn, self.whole.code)

    def _arms(self, motion: Tensor, features: ReferenceFeatures) -> list[list[Arms | None]]:
        """For each of the four frames of a motion `[batch, 4, channels]`, the arms of each person."""
        if features.arms is None:
            return [[]] * FRAMES_PER_LATENT
        numbers = self.whole.code.restore(motion.detach().float())
        poses = numbers[..., self.whole.config.curves :].unflatten(-1, (-1, 3))
        return arms_of_people(poses, features.arms)

    def _begin(self, work: Callable[[], T]) -> Callable[[], T]:
        """Let the helper begin some work, if there is one; call what is returned for the result."""
        if self._helper is None:
            return work
        inference, gradient = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

        def as_here() -> T:
            # These modes belong to a thread, not to the program.
            with torch.inference_mode(inference), torch.set_grad_enabled(gradient):
                return work()

        return self._helper.submit(as_here).result


def _check_frames(frames: Tensor) -> None:
    expected = (3, FRAME_SIZE, FRAME_SIZE)
    if frames.ndim != 5 or frames.shape[2:] != expected:
        raise ValueError(f"frames are {tuple(frames.shape)}, expected [batch, frames, {expected}]")


def _check_latents(z: Tensor) -> None:
    if z.ndim != 5 or z.shape[2:] != LATENT_SHAPE:
        raise ValueError(f"latents are {tuple(z.shape)}, expected [batch, n, {LATENT_SHAPE}]")
