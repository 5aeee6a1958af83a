"""`--data`: from the folders a user names to samples."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engines.errors import InputError
from engines.files import at_home, cache_folder, writable
from offline.datasets.class_maps import ClassMap
from offline.datasets.clips import VideoDatabase
from offline.datasets.registry import READABLE, others
from offline.datasets.video import open_video_dataset
from offline.inputs import INPUTS
from offline.inputs.from_video import FromVideo, from_video
from offline.preparation.settings import DEFAULT, Preparation
from offline.progress import Progress
from offline.protocols import Protocol
from offline.recognisers import Entry


def default_cache(say: Callable[[str], None]) -> Path:
    """Where prepared clips are kept unless a folder is named: the user's cache, or for this run alone."""
    folder = cache_folder("clips")
    if writable(folder):
        return folder
    temporary = tempfile.mkdtemp(prefix="apexcam-clips-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    say(f"note: prepared clips are not kept, {folder} cannot be written; give --cache DIR")
    return Path(temporary)


def load_videos(
    data: Sequence[str],
    protocol: Protocol,
    entry: Entry,
    *,
    cache: Path | None = None,
    how: Preparation = DEFAULT,
    errata: bool = True,
    jobs: int = 1,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> FromVideo:
    """The samples of the folders in ``data``, each DIR or NAME=DIR, that a protocol uses and a recogniser reads.

    ``say`` receives lines on what was found, mended, left out and prepared. Raises InputError for a folder that is no
    database, a database given twice, one that the protocol lacks, and what `from_video` raises.
    """
    databases = open_databases(data, errata)
    used = [d for d in databases if protocol.datasets is None or d.name in protocol.datasets]
    missing = [name for name in protocol.datasets or () if name not in {d.name for d in used}]
    found = ", ".join(database.name for database in databases)
    if not used:
        raise InputError(f"protocol {protocol.name} needs {', '.join(missing)}; given are {found}")
    for name in missing:
        say(f"note: protocol {protocol.name} also uses {name}, which is not given")
    made = load(used, protocol.class_map, entry, cache=cache, how=how, jobs=jobs, progress=progress, say=say)
    measured = {**made.samples.measured, "errata": errata}
    return replace(made, samples=replace(made.samples, measured=measured))


def load(
    databases: Sequence[VideoDatabase],
    class_map: ClassMap,
    entry: Entry,
    *,
    cache: Path | None = None,
    how: Preparation = DEFAULT,
    jobs: int = 1,
    progress: Progress | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> FromVideo:
    """The samples of databases that a class map labels and a recogniser reads; the rest as `load_videos`."""
    how.check()
    if entry.input not in INPUTS:
        raise InputError(f"{entry.name} reads {entry.input}, which nothing here prepares")
    for database in databases:
        rendered = "rendered, " * bool(database.rendered)
        say(f"{database.name}: {rendered}{database.layout}, table {database.version}")
        for note in database.notes:
            say(f"note: {note}")
    made = from_video(databases, class_map, entry.input, cache or default_cache(say), how, jobs, progress)
    for entry_again in made.damaged:
        say(f"note: damaged in the cache, prepared again: {entry_again}")
    for line in made.unread:
        say(f"cannot be used: {line}")
    say(made.summary)
    return made


def open_databases(data: Sequence[str], errata: bool = True) -> list[VideoDatabase]:
    """The databases of folders, each DIR or NAME=DIR. InputError for a folder that is none, or is given twice."""
    found: dict[str, VideoDatabase] = {}
    for text in data:
        name, _, folder = text.rpartition("=")
        folder = at_home(folder)
        named = name in (*READABLE, *others()) or (name and not Path(text).exists())
        for database in open_video_dataset(Path(folder if named else text), name if named else None, errata):
            if database.name in found:
                raise InputError(f"--data {text}: {database.name} is given twice; leave one of them out")
            found[database.name] = database
    return list(found.values())
