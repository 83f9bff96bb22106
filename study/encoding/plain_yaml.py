"""YAML as people mean it: a system may be called no, 007 or 2026-11-29, and a key that is there twice is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import yaml

from study.errors import StudyError

_UNLIKE_TEXT: Final = {"timestamp", "bool", "int", "float"}
"""What YAML 1.1 finds in words and names: dates, yes and no, octal and sexagesimal numbers."""


class _Loader(yaml.SafeLoader):
    """Takes for truth values true and false alone, for numbers what is written back as it stands, and no dates."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse a key that is there twice, of which the first would be lost in silence."""
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"{key.value!r} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag.rpartition(":")[2] not in _UNLIKE_TEXT]
    for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile("(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"
)
for _tag, _form in (
    ("int", r"-?(?:0|[1-9][0-9]*)$"),
    ("float", r"-?(?:0|[1-9][0-9]*)\.(?:0|[0-9]*[1-9])$"),
    ("float", r"[-+]?\.(?:inf|Inf|INF)$|\.(?:nan|NaN|NAN)$"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_form), "-+.0123456789")


def read(path: Path) -> Any:
    """What a file says.

    Raises:
        StudyError: it cannot be read, is no YAML, or says something twice.
        FileNotFoundError: it is not there.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader
    except FileNotFoundError:
        raise
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise StudyError(f"{path}: cannot be read as YAML ({line}{error.problem})") from None
    except (
        OSError,
        yaml.YAMLError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:  # tags that do not suit their values end in any of these
        reason = " ".join(str(error).split())
        raise StudyError(f"{path}: cannot be read as YAML ({reason})") from None
