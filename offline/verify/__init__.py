"""Published results recomputed from published artefacts: what was expected, what comes out here, and why.

One module an artefact; `CHECKS` is the table of them all. Where the files lie below the folder that is given:
`ststnet/weights/*.pth`, `ststnet/STSTNet_python_logfile.txt`, `ststnet/STSTNet_logfile.txt`,
`capsulenet-result_log.csv`, `mdmd/`, `megc2021/`, `atn/hoof.zip`, `atn/lbp-top.zip`, `tvl1/`; the released flow maps
beside that folder, or where ``flowmaps`` says.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from engines.errors import InputError
from offline.datasets.flowmaps import TABLE
from offline.verify.check import Artefacts, Check

# What is recomputed, by which function of which module here; heavy imports are made by those asked for.
CHECKS: Final = (
    ("paper 003's F1", "arithmetic", "weighted_f1"),
    ("STSTNet, released networks", "ststnet", "released_networks"),
    ("STSTNet, the run of its paper", "ststnet", "paper_run"),
    ("CapsuleNet, its predictions", "capsule_net", "predictions"),
    ("MEGC 2020 baseline", "megc", "baseline"),
    ("MEGC 2021 log", "megc", "winning_logs"),
    ("paper 001, tables II and III", "atnet", "features"),
    ("TV-L1, reference pair", "tvl1", "reference_pair"),
)

Progress = Callable[[int, int], None]


def verify(
    folder: Path | None, flowmaps: Path | None = None, progress: Progress | None = None
) -> list[Check]:
    """Every check, those without their files as skipped. ``folder`` None: only what needs no file.

    Raises InputError where a folder that is given is not there; a damaged file fails its own check and no other.
    """
    for given in (folder, flowmaps):
        if given is not None and not given.is_dir():
            raise InputError(f"no such folder: {given}; give the one with the published files")
    artefacts = Artefacts(folder or Path(), flowmaps or _beside(folder))
    checks: list[Check] = []
    for done, (name, module, function) in enumerate(CHECKS):
        if progress is not None:
            progress(done, len(CHECKS))
        if folder is None and module != "arithmetic":
            checks.append(Check(name, None, None, "skipped", "needs published files: give their folder"))
            continue
        try:
            checks += getattr(import_module(f"{__name__}.{module}"), function)(artefacts)
        except InputError as error:  # one artefact; the others are still worth checking
            checks.append(Check(name, None, None, False, str(error)))
    if progress is not None:
        progress(len(CHECKS), len(CHECKS))
    return checks


def _beside(folder: Path | None) -> Path | None:
    """The released flow maps in the folder or beside it."""
    places = (folder, folder / "flowmaps", folder.resolve().parent / "flowmaps") if folder else ()
    return next((place for place in places if (place / TABLE).is_file()), None)
