"""The registry of databases. No reader is imported before its database is asked for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engines import plugins
from engines.errors import InputError

if TYPE_CHECKING:
    from offline.datasets.clips import VideoDatabase

Reader = Callable[[Path, bool], tuple["VideoDatabase", ...]]


@dataclass(frozen=True)
class Dataset:
    """One row of the registry; another package adds one as an entry point of the group ``apexcam.datasets``.

    ``title`` for people, ``source``: who published it. ``reader``: "module:function", called with a folder and whether
    to mend the table's known mistakes; it gives the databases there, none where the folder is of another one. It is
    empty for a database that another's reader finds. ``looked_for``: what a folder of it holds, for error messages.
    ``people``: the database whose people were recorded again; empty where they are its own.
    """

    name: str
    title: str
    source: str
    reader: str = ""
    looked_for: str = ""
    people: str = ""


_SMIC: Final = "Li et al., FG 2013"
_LONG: Final = "offline.datasets.long_videos:open_long_clips"
_ONE_ROW_A_CLIP: Final = "offline.datasets.one_row_a_clip:open_one_row_a_clip"

DATASETS: Final = {
    row.name: row
    for row in (
        Dataset(
            "casme2",
            "CASME II",
            "Yan et al., PLoS ONE 2014",
            "offline.datasets.casme2:open_casme2",
            "CASME II: sub01/EP02_01f/ with images, and a table with Filename, OnsetFrame, Estimated Emotion",
        ),
        Dataset(
            "smic",
            "SMIC-HS",
            _SMIC,
            "offline.datasets.smic:open_smic",
            "SMIC: HS/s1/micro/negative/s1_ne_01/ (or SMIC-HS-E/s1/s1_ne_01/) with images",
        ),
        Dataset(
            "samm",
            "SAMM",
            "Davison et al., IEEE TAFFC 2018",
            "offline.datasets.samm:open_samm",
            "SAMM: 006/006_1_2/ with images, and a table with Filename, Onset Frame, Estimated Emotion",
        ),
        Dataset("smic-vis", "SMIC-VIS", _SMIC, people="smic"),
        Dataset("smic-nir", "SMIC-NIR", _SMIC, people="smic"),
        Dataset(
            "casme-sq",
            "CAS(ME)²",
            "Qu et al., IEEE TAFFC 2018",
            _LONG,
            "CAS(ME)²: CAS(ME)^2code_final*.xlsx beside its images",
        ),
        Dataset(
            "samm-lv",
            "SAMM Long Videos",
            "Yap et al., FG 2020",
            _LONG,
            "SAMM Long Videos: SAMM_LongVideos*.xlsx beside its images",
            people="samm",
        ),
        Dataset(
            "casme3",
            "CAS(ME)³",
            "Li et al., IEEE TPAMI 2023",
            _ONE_ROW_A_CLIP,
            "CAS(ME)³ part A: spNO.1/a/color/ with images, and a table with Subject, Filename, Onset, Offset, emotion",
        ),
        Dataset(
            "mmew",
            "MMEW",
            "Ben et al., IEEE TPAMI 2022",
            _ONE_ROW_A_CLIP,
            "MMEW: Micro_Expression/<emotion>/<clip>/ with images, and a table with Filename, Onset, Offset, Emotion",
        ),
        Dataset(
            "4dme",
            "4DME",
            "Li et al., IEEE TAFFC 2023",
            _ONE_ROW_A_CLIP,
            "4DME: folders of images named as fold_name, and a table with sub_ID, fold_name, Onset, Offset, Emotion",
        ),
        Dataset(
            "dfme",
            "DFME",
            "Zhao et al., IEEE TAFFC 2023",
            _ONE_ROW_A_CLIP,
            "DFME: folders of images named as Filename, and a table with Filename, OnsetFrame, Emotion, Fps",
        ),
        Dataset(
            "meview",
            "MEVIEW",
            "Husák et al., CVWW 2017",
            _ONE_ROW_A_CLIP,
            "MEVIEW: folders of images named as Filename, and a table with Filename, OnsetFrame, StartFrameVideo, "
            "Emotion",
        ),
        Dataset(
            "casme1",
            "CASME",
            "Yan et al., FG 2013",
            _ONE_ROW_A_CLIP,
            "CASME: sub01/EP01_12/ with images, and a table with Subject, Filename, OnsetF, ApexF1, Emotion",
        ),
    )
}
# Those that --data may name.
READABLE: Final = tuple(name for name, row in DATASETS.items() if row.reader)


def others() -> tuple[str, ...]:
    """The databases that other packages add."""
    return tuple(name for name in plugins.names("datasets") if name not in DATASETS)


def find_dataset(name: str) -> Dataset:
    """The row of this name, here or in another package.

    Raises InputError for an unknown name, with the list of known ones, and for a plugin that cannot be loaded.
    """
    if name in DATASETS:
        return DATASETS[name]
    if name not in others():
        known = ", ".join((*DATASETS, *others()))
        raise InputError(f"unknown database {name!r}: choose one of {known}")
    return replace(plugins.row("datasets", name, Dataset), name=name)


def reader_of(row: Dataset) -> Reader:
    """What reads a folder of it. Raises InputError where the reader of another package cannot be imported."""
    module, _, function = row.reader.partition(":")
    try:
        reader: Reader = getattr(import_module(module), function)
    except Exception as error:
        if row.name in DATASETS:
            raise
        why = f"{type(error).__name__}: {error}"
        raise InputError(f"{row.name}: the plugin's {row.reader} cannot be imported: {why}") from None
    return reader


def title_of(name: str) -> str:
    """What people call a database; its name where nothing else is known."""
    if name in DATASETS:
        return DATASETS[name].title
    return find_dataset(name).title if name in others() else name


def whose_people(name: str) -> str:
    """The database by whose name the people of a database go; its own where no other has them."""
    if name not in DATASETS and name not in others():
        return name
    return find_dataset(name).people or name
