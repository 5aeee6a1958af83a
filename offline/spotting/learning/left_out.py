"""Networks trained with people left out, kept: each video can be watched by one that has not seen who is in it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from engines.errors import InputError
from engines.files import write_bytes
from engines.spotting.detector import Odds
from offline.spotting.learning.folds import Trained
from offline.spotting.learning.network import export
from offline.writing import writing

SCHEMA: Final = "apexbench.left-out/1"
_INDEX: Final = "left_out.json"


class Video(msgspec.Struct, frozen=True):
    """A video by the SHA-256 of its file, who is in it, and the network without them, a file beside the index."""

    name: str
    sha256: str
    person: str
    network: str


class _Index(msgspec.Struct, frozen=True):
    schema: str
    videos: tuple[Video, ...]


def keep(
    folder: Path,
    folds: Sequence[Trained],
    odds: Odds,
    files: Mapping[str, str],
    check: NDArray[np.float32],
) -> None:
    """Write the networks of every fold, as one file, into ``folder``, and which video each has not seen.

    ``files``: SHA-256 of real videos by name; ``odds`` are common to all; ``check`` as `export` has it. Raises
    InputError where it cannot be written.
    """
    videos = []
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number, fold in enumerate(folds):
            name = f"without{number}.onnx"
            export(fold.networks(), odds, folder / name, check)
            videos += [
                Video(one.name, files[one.name], one.person, name) for one in fold.scored if one.name in files
            ]
        index = msgspec.to_builtins(_Index(SCHEMA, tuple(sorted(videos, key=lambda video: video.name))))
        write_bytes(folder / _INDEX, (json.dumps(index, indent=1) + "\n").encode())


def read(folder: Path) -> dict[str, Video]:
    """What `keep` wrote, by the SHA-256 of the video; networks as whole paths.

    Raises InputError where it is not such a folder, or a network has gone.
    """
    try:
        index = msgspec.json.decode((folder / _INDEX).read_bytes(), type=_Index)
    except OSError as error:
        raise InputError(
            f"{folder}: no {_INDEX} in it ({error.strerror or error}); spot-train --keep-folds writes it"
        ) from None
    except msgspec.MsgspecError as error:
        raise InputError(f"{folder / _INDEX}: {error}") from None
    if index.schema != SCHEMA:
        raise InputError(f"{folder / _INDEX}: schema {index.schema!r} is not {SCHEMA!r}")
    for video in index.videos:
        if Path(video.network).name != video.network or not (folder / video.network).is_file():
            raise InputError(f"{folder}: {video.network} has gone; run spot-train --keep-folds again")
    return {
        video.sha256: msgspec.structs.replace(video, network=str(folder / video.network))
        for video in index.videos
    }
