"""What a check is, and what it comes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Figures = Mapping[str, float | int | str]


class Skipped(Exception):  # noqa: N818
    """The check cannot be made here; the reason in one line."""


class Failed(Exception):  # noqa: N818
    """The check was made and something is wrong; what, in one line."""


def expect(holds: object, otherwise: str) -> None:
    """Raises Failed with this reason unless it holds."""
    if not holds:
        raise Failed(otherwise)


@dataclass(frozen=True)
class Goal:
    """What a figure is to come to on an H100 or H200. To miss it is no failure."""

    figure: str
    bound: float
    at_least: bool = False

    @property
    def words(self) -> str:
        """Such as "<= 0.3"."""
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"

    def met(self, value: float) -> bool:
        """Whether a value comes to it."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True)
class Check:
    """One row of the table of checks.

    ``function``: "module:function", called in a process of its own with ``quick`` and ``given``; returns its figures,
    raises Skipped, or anything else where something is wrong. ``needs``: modules without which it is skipped.
    ``gpu``: skipped where no GPU can be used. ``seconds``: after which it counts as hanging.
    """

    group: str
    name: str
    function: str
    given: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    gpu: bool = False
    goals: tuple[Goal, ...] = ()
    seconds: float = 90.0


@dataclass(frozen=True)
class Result:
    """What a check came to: ``state`` is ok, failed or skipped, the latter two with a ``reason``."""

    check: Check
    state: str
    reason: str = ""
    figures: Figures = field(default_factory=dict)
    seconds: float = 0.0

    def goals(self) -> list[tuple[Goal, float]]:
        """The goals of the figures that were measured, with what they came to."""
        found = [(goal, self.figures.get(goal.figure)) for goal in self.check.goals]
        return [(goal, float(value)) for goal, value in found if value is not None]
