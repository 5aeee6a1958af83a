"""``apexcam doctor``: what this machine can run and how fast, with advice on what is missing or slow."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from engines.errors import InputError
from engines.installation import check_opencv, explained
from realtime.machine import stages, surroundings
from realtime.machine.finding import Finding

if TYPE_CHECKING:
    from realtime.config import Config


def installation() -> list[Finding]:
    """Faults of the installation that prevent all other checks; empty if there are none."""
    try:
        check_opencv()
    except InputError as error:
        return [Finding("OpenCV", "cannot be used", "broken", advice=str(error))]
    return []


def examine(config: "Config", *, looking: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """All checks, in the order of a frame's path. ``looking`` is called with the name of each before it runs."""
    findings: list[Finding] = []
    checks: list[tuple[str, Callable[[Config], Iterator[Finding]]]] = [
        ("machine", surroundings.machine),
        ("OpenCV", surroundings.opencv),
        ("cameras", surroundings.cameras),
        ("shared memory", surroundings.shared_memory),
        ("temporary folder", surroundings.temporary),
        ("landmarks", stages.landmarks),
        ("watch", stages.watch),
        ("flow", stages.flow),
        ("classify", stages.classify),
        ("recognise", stages.recognise),
        ("compiled code", stages.compiled),
        ("ports", surroundings.ports),
    ]
    for name, check in checks:
        looking(name)
        try:
            findings.extend(check(config))
        except InputError as error:
            findings.append(Finding(name, "unusable", "broken", advice=str(error)))
        except Exception as error:
            message = (str(error).strip().splitlines() or [""])[0][:160]
            findings.append(
                Finding(name, f"fails: {type(error).__name__}: {message}", "broken", advice=explained(error))
            )
    return findings
