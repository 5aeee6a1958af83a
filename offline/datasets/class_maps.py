"""Which emotion counts as which class: the maps of the papers, with the clips each counts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from engines.labels import CLASSES
from offline.datasets.clips import Clip

Emotions = Mapping[str, str]


@dataclass(frozen=True)
class ClassMap:
    """From a database's emotions to classes.

    ``of``: for each database the class of each emotion; an emotion that is not there is left out. ``without``: clips
    (dataset, subject, name) that the published counts do not have, and why. ``counts``: clips a class that published
    work has of each database, with each version of its table. ``kinds`` of expressions that count.
    ``others``: the class of each emotion of the databases that ``of`` does not name.
    """

    name: str
    classes: tuple[str, ...]
    of: Mapping[str, Emotions]
    counts: Mapping[str, tuple[tuple[int, ...], ...]]
    source: str
    without: Mapping[tuple[str, str, str], str] = field(default_factory=lambda: MappingProxyType({}))
    kinds: tuple[str, ...] = ("micro",)
    others: Emotions = field(default_factory=lambda: MappingProxyType({}))

    def class_of(self, clip: Clip) -> tuple[str | None, str]:
        """A clip's class, or None and why it has none."""
        if clip.kind not in self.kinds:
            return None, f"{clip.kind}-expressions"
        if (reason := self.without.get((clip.dataset, clip.subject, clip.name))) is not None:
            return None, reason
        word = self.of.get(clip.dataset, self.others).get(clip.emotion)
        return (word, "") if word else (None, f"emotion {clip.emotion or '(none)'}")

    def labelled(self, clips: Iterable[Clip]) -> tuple[list[tuple[Clip, int]], Counter[str]]:
        """Clips with the index of their class, and how many were left out for which reason."""
        kept: list[tuple[Clip, int]] = []
        left_out: Counter[str] = Counter()
        for clip in clips:
            word, reason = self.class_of(clip)
            if word is None:
                left_out[reason] += 1
            else:
                kept.append((clip, self.classes.index(word)))
        return kept, left_out


def _to(**emotions: str) -> Emotions:
    return {emotion: word for word, listed in emotions.items() for emotion in listed.split()}


_NEGATIVE: Final = "negative anger contempt disgust fear repression sadness"
_GENERAL: Final = _to(negative=_NEGATIVE, positive="positive happiness happy", surprise="surprise")
_SMIC: Final = _to(negative="negative", positive="positive", surprise="surprise")
_SMIC_COUNTS: Final = {"smic": ((70, 51, 43),), "smic-vis": ((23, 28, 20),), "smic-nir": ((23, 28, 20),)}
_SAMM: Final = _to(negative="anger contempt disgust fear sadness", positive="happiness", surprise="surprise")

CDE: Final = ClassMap(
    "cde",
    CLASSES,
    {
        "casme2": _to(negative="disgust repression", positive="happiness", surprise="surprise"),
        "samm": _SAMM,
        **dict.fromkeys(_SMIC_COUNTS, _SMIC),
    },
    {"casme2": ((88, 32, 25),), "samm": ((92, 26, 15),), **_SMIC_COUNTS},
    "MEGC 2019 (See et al., FG 2019); paper 002, table 9",
    {
        ("casme2", "sub04", "EP12_01f"): "not in the composite: no apex",
        ("casme2", "sub05", "EP09_05f"): "not in the composite: apex = onset",
        ("casme2", "sub24", "EP02_07"): "not in the composite: only in V3 of the table",
        ("casme2", "sub09", "EP02_02f"): "not in the composite: in no version of the table",
        **{
            ("casme2", "sub24", clip): "not in the composite: sadness in V1 of the table"
            for clip in ("EP07_01", "EP07_04f", "EP10_03")
        },
    },
    others=_GENERAL,
)
FIVE: Final = ClassMap(
    "five",
    ("happiness", "surprise", "disgust", "repression", "others"),
    {"casme2": {word: word for word in ("happiness", "surprise", "disgust", "repression", "others")}},
    {"casme2": ((32, 25, 64, 27, 99), (32, 28, 63, 27, 99), (32, 25, 63, 27, 99))},
    "247 clips of V3 in papers 002 and 004, 249 of V2 in paper 003, 246 of V1",
)
SAMM_FIVE: Final = ClassMap(
    "samm-five",
    ("happiness", "surprise", "anger", "contempt", "others"),
    {"samm": {word: word for word in ("happiness", "surprise", "anger", "contempt", "others")}},
    {"samm": ((26, 15, 57, 12, 26),)},
    "paper 004, table I: 136 clips",
)
FOUR: Final = ClassMap(
    "four",
    (*CLASSES, "others"),
    {
        "casme2": _to(
            negative="disgust sadness fear anger contempt",
            positive="happiness",
            surprise="surprise",
            others="repression others",
        ),
        "samm": {**_SAMM, "others": "others"},
    },
    {"casme2": ((73, 32, 25, 126),), "samm": ((92, 26, 15, 26),)},
    "paper 002, table 12: 256 clips of V3, 159 of SAMM",
)
CDMER: Final = ClassMap(
    "cdmer",
    CLASSES,
    {
        "casme2": _to(negative="disgust sadness fear", positive="happiness", surprise="surprise"),
        **dict.fromkeys(_SMIC_COUNTS, _SMIC),
    },
    {"casme2": ((73, 32, 25),), **_SMIC_COUNTS},
    "paper 002, table 11: 130 clips of V3",
)
_EVERYDAY: Final = {
    **_GENERAL,
    **_to(negative="angry contemptuous disgusted afraid sad", positive="joy smile", surprise="surprised"),
}
# What networks are pretrained on, never scored: micro and ordinary expressions alike.
ORDINARY: Final = ClassMap(
    "ordinary",
    CLASSES,
    {"pictures": _EVERYDAY},
    {},
    "after paper 001, section III.B, which pretrains on ordinary expressions",
    kinds=("micro", "macro"),
    others=_GENERAL,
)
CLASS_MAPS: Final = {chosen.name: chosen for chosen in (CDE, FIVE, SAMM_FIVE, FOUR, CDMER)}


def compare_with_published(chosen: ClassMap, kept: Iterable[tuple[Clip, int]]) -> list[str]:
    """A line for each database whose clips a class are not those of the published protocol."""
    found: dict[str, Counter[int]] = {}
    for clip, label in kept:
        found.setdefault(clip.dataset, Counter())[label] += 1
    lines = []
    for dataset, counted in found.items():
        counts = tuple(counted[i] for i in range(len(chosen.classes)))
        published = chosen.counts.get(dataset, ())
        if published and counts not in published:
            lines.append(
                f"{dataset}: {_counted(counts)}, published are {_counted(published[0])} ({chosen.source})"
            )
    return lines


def _counted(counts: tuple[int, ...]) -> str:
    return f"{sum(counts)} clips {'/'.join(map(str, counts))}"
