"""What was chosen for runs, in words, and where the choices differ."""

from collections.abc import Sequence

from s2s.config import UNLIMITED, TrainConfig
from s2s.formatting import UNKNOWN


def choices(config: TrainConfig) -> dict[str, str]:
    """All that was chosen for a run, in words, in the order of the configuration."""
    return {
        name.replace("_", " "): _said(value)
        for name, value in config.to_json().items()
        if (name, value) not in (("max_seconds", 0.0), ("iterations", UNLIMITED))
    }


def differences(configs: Sequence[TrainConfig]) -> dict[str, list[str]]:
    """What was not chosen alike for all: a value for each configuration."""
    said = [choices(config) for config in configs]
    names = dict.fromkeys(name for each in said for name in each)
    values = {name: [each.get(name, UNKNOWN) for each in said] for name in names}
    return {name: each for name, each in values.items() if len(set(each)) > 1}


def _said(value: object) -> str:
    match value:
        case None | ():
            return UNKNOWN
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case list() | tuple():
            return " / ".join(str(each) for each in value)
        case _:
            return str(value)
