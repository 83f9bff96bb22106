"""The 52 face curves of Apple's ARKit, in the fixed order used by every array `[..., 52]` here."""

ARKIT: tuple[str, ...] = (
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight"),
    *("eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight"),
    *("eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight"),
    *("eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight"),
    *("eyeWideLeft", "eyeWideRight"),
    *("jawForward", "jawLeft", "jawOpen", "jawRight"),
    *("mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight"),
    *("mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight"),
    *("mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight"),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
    *("mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)

CURVE: dict[str, int] = {name: column for column, name in enumerate(ARKIT)}


def columns(name: str) -> tuple[int, ...]:
    """Columns of curve `name`; a name without its side, such as `mouthSmile`, gives both sides.

    Raises ValueError for a name that ARKit does not have.
    """
    if name in CURVE:
        return (CURVE[name],)
    if f"{name}Left" in CURVE:
        return CURVE[f"{name}Left"], CURVE[f"{name}Right"]
    raise ValueError(f"unknown face curve {name!r}; expected one of ARKIT, with or without side")
