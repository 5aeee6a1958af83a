"""``apexcam doctor``: what this machine can run, timed, with advice where something is missing or slow."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from engines.errors import InputError
from engines.installation import check_opencv, explained
from realtime.machine import stages, surroundings
from realtime.machine.finding import Finding

if TYPE_CHECKING:
    from realtime.config import Config


def installation() -> list[Finding]:
    """What is broken so that nothing else can be looked at; empty where all is well."""
    try:
        check_opencv()
    except InputError as error:
        return [Finding("OpenCV", "cannot be used", "broken", advice=str(error))]
    return []


def examine(config: "Config", *, looking: Callable[[str], None] = lambda name: None) -> list[Finding]:
    """Everything, in the order of the path of a frame. ``looking`` is given the name of each."""
    findings: list[Finding] = []
    looks: list[tuple[str, Callable[[Config], Iterator[Finding]]]] = [
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
        ("dashboard", surroundings.dashboard),
    ]
    for name, look in looks:
        looking(name)
        try:
            findings.extend(look(config))
        except InputError as error:
            findings.append(Finding(name, "unusable", "broken", advice=str(error)))
        except Exception as error:
            said = (str(error).strip().splitlines() or [""])[0][:160]
            findings.append(
                Finding(name, f"fails: {type(error).__name__}: {said}", "broken", advice=explained(error))
            )
    return findings
