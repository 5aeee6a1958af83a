"""Known mistakes of the databases' tables, by clip, each with where it is known from. `mend` can be left out.

A mistake is mended only where the table still has it: copies circulate with and without.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from offline.datasets.clips import Clip


@dataclass(frozen=True)
class Erratum:
    """A mistake of one clip: ``wrong`` says whether the clip has it, ``right`` what its fields should be.

    Without ``right`` the clip stays as it is and is only named. ``source``: where it is known from.
    """

    dataset: str
    subject: str
    clip: str
    what: str
    wrong: Callable[[Clip], bool]
    right: dict[str, Any]
    source: str


_CODE: Final = "public loaders of the database"
_CASME2: Final = "CASME2-coding-20140508 against its frames"


def _casme2(
    subject: str,
    clip: str,
    what: str,
    wrong: Callable[[Clip], bool],
    right: dict[str, Any],
    source: str = _CASME2,
) -> Erratum:
    return Erratum("casme2", subject, clip, what, wrong, right, source)


def _samm(clip: str, what: str, wrong: Callable[[Clip], bool], right: dict[str, Any]) -> Erratum:
    return Erratum("samm", clip[:3], clip, what, wrong, right, _CODE)


def _at_offset(clip: Clip) -> bool:
    return clip.apex == clip.offset


def _outside(clip: Clip) -> bool:
    return clip.apex is not None and not clip.onset < clip.apex <= clip.offset


ERRATA: Final = (
    _casme2("sub04", "EP12_01f", "no apex in the table: it is spotted", lambda c: c.apex is None, {}),
    _casme2("sub05", "EP09_05f", "apex = onset: it is spotted", lambda c: c.apex == c.onset, {"apex": None}),
    *(
        _casme2(subject, clip, "apex = offset: kept, the movement is cut off", _at_offset, {})
        for subject, clip in (
            ("sub05", "EP16_04f"),
            ("sub12", "EP09_06"),
            ("sub20", "EP16_01"),
            ("sub25", "EP18_04f"),
        )
    ),
    _casme2(
        *("sub07", "EP06_01", "interval taken as 56 to 116"),
        lambda c: (c.onset, c.offset) != (56, 116) and (c.apex is None or 56 < c.apex <= 116),
        {"onset": 56, "offset": 116},
        _CODE,
    ),
    _casme2(
        *("sub12", "EP09_02", "interval taken as 161 to 206"),
        lambda c: (c.onset, c.offset) != (161, 206) and (c.apex is None or 161 < c.apex <= 206),
        {"onset": 161, "offset": 206},
        _CODE,
    ),
    _casme2(
        *(
            "sub16",
            "EP01_08",
            "offset 110 lies beyond the cropped frames: 96, as the coding of 2018-12-20 has it",
        ),
        lambda c: c.offset == 110,
        {"offset": 96},
    ),
    _samm("028_4_1", "apex outside the interval: it is spotted", _outside, {"apex": None}),
    _samm("032_3_1", "apex outside the interval: it is spotted", _outside, {"apex": None}),
    _samm("013_1_9", "offset taken as 5739", lambda c: c.offset != 5739 and c.onset < 5739, {"offset": 5739}),
    _samm(
        "032_3_2",
        "apex taken as 5130",
        lambda c: c.apex != 5130 and c.onset < 5130 <= c.offset,
        {"apex": 5130},
    ),
    *(
        Erratum(
            *(dataset, "s18", "s18_sur_03", "labelled negative in the sheet: surprise, as its name says"),
            lambda c: c.emotion == "negative",
            {"emotion": "surprise"},
            "its file name; public loaders",
        )
        for dataset in ("smic", "smic-vis")
    ),
)


def mend(clips: list[Clip]) -> tuple[list[Clip], list[str]]:
    """The clips with their known mistakes mended, and a line for each. Any other apex outside its interval is dropped
    too, and said: it will be spotted.
    """
    mended, notes = [], []
    for clip in clips:
        now = clip
        if clip.fault:
            mended.append(clip)
            continue
        for erratum in ERRATA:
            named = (erratum.dataset, erratum.subject, erratum.clip) == (
                clip.dataset,
                clip.subject,
                clip.name,
            )
            if named and erratum.wrong(now):
                now = replace(now, **erratum.right)
                notes.append(f"{clip.title}: {erratum.what} ({erratum.source})")
        if _outside(now):
            notes.append(f"{clip.title}: apex {now.apex} outside {now.onset} to {now.offset}: it is spotted")
            now = replace(now, apex=None)
        mended.append(now)
    return mended, notes
