"""Make a preference study of two folders of videos: which of two systems is better?

Shows the life of a study up to its opening: a manifest of the files that both folders have, `study.yaml`,
then `python -m study import`, `build` and `audit`. Videos of one name are one item and need the same length;
names should be words that no page shows by chance.

    python examples/study_from_folders.py --ours ours --theirs theirs --study mystudy
    python -m study open mystudy && python -m study serve mystudy
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import yaml

from study.design import templates


def write_manifest(path: Path, systems: dict[str, Path]) -> int:
    """List every video that both systems have, with the sound of the first one's; returns their number."""
    first, second = ({file.name for file in home.glob("*.mp4")} for home in systems.values())
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("system", "item", "file", "audio", "licence"))
        for number, name in enumerate(sorted(first & second)):
            videos = {system: (home / name).resolve() for system, home in systems.items()}
            sound = next(iter(videos.values()))
            for system, video in videos.items():
                rows.writerow((system, f"item{number}", video, sound, "unknown"))
    return len(first & second)


def main(argv: list[str] | None = None) -> None:
    """Write, build and audit the study."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--ours", type=Path, required=True, help="videos of one system")
    parser.add_argument("--theirs", type=Path, required=True, help="videos of the other")
    parser.add_argument("--study", type=Path, required=True, help="the new folder")
    parser.add_argument("--size", type=int, default=480, help="pixels of a side (%(default)d)")
    args = parser.parse_args(argv)

    templates.write_new(args.study)
    systems = {"ours": args.ours, "theirs": args.theirs}
    items = write_manifest(args.study / "manifest.csv", systems)
    settings = yaml.safe_load((args.study / "study.yaml").read_text())
    settings["trials"] = {"per_participant": min(items, 20)}
    settings["stimuli"] |= {"width": args.size, "height": args.size}
    (args.study / "study.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    for step in ("import", "build", "audit"):
        command = [sys.executable, "-m", "study", step, str(args.study)]
        if code := subprocess.run(command, check=False).returncode:  # noqa: S603 - this very program
            sys.exit(code)  # its own sentence has said why


if __name__ == "__main__":
    main()
