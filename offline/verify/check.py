"""What a check says."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class Check:
    """A published result beside ours.

    ``expected`` and ``ours`` are figures or short words; ``ok`` is "skipped" where nothing can be compared; ``why``
    says what was compared, or why it was not.
    """

    check: str
    expected: Any
    ours: Any
    ok: bool | Literal["skipped"]
    why: str = ""

    def row(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class Artefacts:
    """Where the published files lie; ``flowmaps`` is the folder of the released flow maps, None where there is none."""

    folder: Path
    flowmaps: Path | None = None


def skipped(check: str, missing: Path | str) -> Check:
    """A check whose files are not there."""
    return Check(check, None, None, "skipped", f"{missing} is not there")


def printed(published: float, ours: float, places: int = 4) -> bool:
    """Whether a figure is the published one as printed: rounded to its places, or cut off after them."""
    step = 10.0**-places
    return abs(ours - published) <= 0.5 * step + 1e-9 or 0 <= ours - published < step


def figures(
    check: str, published: dict[str, float], ours: dict[str, float], why: str, places: int = 4
) -> Check:
    """A check of several figures by name, each as printed."""
    rounded = {name: round(ours[name], places) for name in published}
    equal = all(printed(value, ours[name], places) for name, value in published.items())
    if equal and rounded != published:
        cut = ", ".join(name for name, value in published.items() if rounded[name] != value)
        why += f"{'; ' * bool(why)}the last printed place of {cut} is cut off, not rounded"
    return Check(check, published, rounded, equal, why)
