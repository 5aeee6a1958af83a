"""What was told on real videos: how often a minute without annotation, and how much of what was implanted."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from offline.spotting.activity import ACTIVITIES, activities
from offline.spotting.measure import Measured, kind_of
from offline.spotting.real import ImplantedVideo, Implants, RealVideo
from offline.spotting.results import early, watched
from offline.spotting.scoring import Row, recognition, rows_of
from offline.spotting.sweep import wilson
from offline.spotting.truth import Found, Interval

# A class less probable than this is not named, as in the live defaults.
NAMED_AT = 0.45
_RESAMPLES, _BOOTSTRAP_SEED = 2000, 0
_SIZE_BINS = 4


@dataclass(frozen=True)
class Watching:
    """A video with what was measured on it."""

    video: RealVideo | ImplantedVideo
    measured: Measured

    @property
    def real(self) -> RealVideo:
        """The file behind it."""
        return self.video.real if isinstance(self.video, ImplantedVideo) else self.video

    @cached_property
    def rows(self) -> list[Row]:
        """Micro-expressions implanted or told; without implants each one told is of outcome false."""
        return [row for row in rows_of(watched(self.measured)) if row.kind == "micro"]

    @cached_property
    def activity(self) -> NDArray[np.int8]:
        """See `activities`."""
        return activities(self.real.faces)

    def doing(self, frame: int) -> str:
        """What the person does around a frame."""
        return ACTIVITIES[max(int(self.activity[frame]), 0)]

    @cached_property
    def seconds(self) -> dict[str, float]:
        """How long something could have been told, by what the person did."""
        times = self.real.faces.times_s
        lasts = np.diff(times, append=times[-1] + 1 / self.real.fps)
        usable = np.zeros(len(times), bool)
        for first, last in self.measured.watched:
            usable[first : last + 1] = True
        return {
            name: float(lasts[usable & (np.maximum(self.activity, 0) == k)].sum())
            for k, name in enumerate(ACTIVITIES)
        }

    def at(self, frame: int) -> float:
        """Seconds of a frame."""
        return round(self.real.time_s(frame), 3)


def is_named(found: Found) -> bool:
    """Whether a micro-expression was given a class and not abstained from."""
    return found.label is not None and max(found.probabilities, default=0.0) >= NAMED_AT


def real_section(watchings: Sequence[Watching], people: Mapping[str, str]) -> dict[str, Any]:
    """Alarms on videos as they are: each, by video, by activity, and in all with a 95 % interval over people.

    ``people``: who is in each video, by its name.
    """
    rows = [{**_video(w), "person": people[w.real.name]} for w in watchings]
    alarms = [_alarm(w, row.found) for w in watchings for row in w.rows if row.found is not None]
    minutes = sum(row["usable_s"] for row in rows) / 60
    total = {
        "videos": len(rows),
        "usable_s": round(60 * minutes, 2),
        **_rates(sum(row["told"] for row in rows), sum(row["named"] for row in rows), minutes),
        "people": len({row["person"] for row in rows}),
        "told_per_minute_ci95": interval([(r["person"], r["told"], r["usable_s"] / 60) for r in rows]),
        "named_per_minute_ci95": interval([(r["person"], r["named"], r["usable_s"] / 60) for r in rows]),
        "bootstrap": {"resamples": _RESAMPLES, "seed": _BOOTSTRAP_SEED, "over": "people"},
        "macro_per_minute": _ratio(sum(row["macro"] for row in rows), minutes),
        "blink_per_minute": _ratio(sum(row["blink"] for row in rows), minutes),
    }
    return {
        "total": total,
        "by_activity": [_while(name, watchings, alarms) for name in ACTIVITIES],
        "videos": rows,
        "alarms": alarms,
        **_refusals(watchings),
    }


def _video(w: Watching) -> dict[str, Any]:
    told = [row.found for row in w.rows if row.found is not None]
    kinds = Counter(found.kind for found in w.measured.found)
    usable_s = sum(w.seconds.values())
    return {
        "name": w.measured.name,
        "fps": w.measured.fps,
        "frames": w.measured.frames,
        "usable_s": round(usable_s, 2),
        "activity_s": {name: round(seconds, 2) for name, seconds in w.seconds.items()},
        **_rates(len(told), sum(map(is_named, told)), usable_s / 60),
        "macro": kinds["macro"],
        "macro_per_minute": _ratio(kinds["macro"], usable_s / 60),
        "blink": kinds["blink"],
        "blink_per_minute": _ratio(kinds["blink"], usable_s / 60),
        "refused": w.measured.refused,
    }


def _while(name: str, watchings: Sequence[Watching], alarms: Sequence[dict[str, Any]]) -> dict[str, Any]:
    seconds = sum(w.seconds[name] for w in watchings)
    here = [a for a in alarms if a["activity"] == name]
    named = sum(a["named"] for a in here)
    return {"activity": name, "usable_s": round(seconds, 2), **_rates(len(here), named, seconds / 60)}


def _rates(told: int, named: int, minutes: float) -> dict[str, Any]:
    return {
        "told": told,
        "named": named,
        "told_per_minute": _ratio(told, minutes),
        "named_per_minute": _ratio(named, minutes),
    }


def _ratio(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole > 0 else None


def interval(counts: Sequence[tuple[str, int, float]]) -> list[float] | None:
    """95 % of the shares when people are drawn anew, with replacement: person, part and whole of each video.

    None for a single person, or where there is nothing.
    """
    people = sorted({person for person, _, _ in counts})
    part = np.array([sum(p for who, p, _ in counts if who == person) for person in people])
    whole = np.array([sum(w for who, _, w in counts if who == person) for person in people])
    if len(people) < 2 or whole.sum() == 0:
        return None
    drawn = np.random.default_rng(_BOOTSTRAP_SEED).integers(len(people), size=(_RESAMPLES, len(people)))
    wholes = whole[drawn].sum(axis=1)
    shares = part[drawn].sum(axis=1)[wholes > 0] / wholes[wholes > 0]
    return [round(float(q), 4) for q in np.quantile(shares, [0.025, 0.975])]


def _refusals(watchings: Iterable[Watching]) -> dict[str, Any]:
    """How often a movement was refused, and for how long nothing could be told, by reason."""
    refused: Counter[str] = Counter()
    blind: Counter[str] = Counter()
    for w in watchings:
        refused.update(w.measured.refused)
        blind.update({why: frames / w.measured.fps for why, frames in w.measured.blind.items()})
    return {
        "refused": dict(refused.most_common()),
        "blind_s": {why: round(seconds, 2) for why, seconds in blind.most_common()},
    }


def _alarm(w: Watching, found: Found) -> dict[str, Any]:
    """One micro-expression that was told, as results.json says it."""
    return {
        "video": w.measured.name,
        "onset": found.onset,
        "apex": found.apex,
        "offset": found.offset,
        "onset_s": w.at(found.onset),
        "apex_s": w.at(found.apex),
        "offset_s": w.at(found.offset),
        "activity": w.doing(found.apex),
        "label": found.label,
        "probabilities": list(found.probabilities),
        "named": is_named(found),
        "intensity_px": found.intensity_px,
        "confidence": found.confidence,
        "regions": list(found.regions),
        "reason": found.reason,
    }


def _implant(w: Watching, truth: Interval) -> dict[str, Any]:
    """One micro-expression that was implanted, as results.json says it."""
    assert truth.apex is not None
    return {
        "video": w.measured.name,
        "onset": truth.onset,
        "apex": truth.apex,
        "offset": truth.offset,
        "onset_s": w.at(truth.onset),
        "apex_s": w.at(truth.apex),
        "offset_s": w.at(truth.offset),
        "activity": w.doing(truth.apex),
        "label": truth.label,
        "action_units": list(truth.aus),
        "size_px": round(truth.amplitude_px or 0.0, 3),
    }


def implant_section(
    watchings: Sequence[Watching], implants: Implants, seeds: Sequence[int], people: Mapping[str, str]
) -> dict[str, Any]:
    """What was found of the implants: in all, and by size, activity, action units, class, video and person."""
    pairs = [(w, row) for w in watchings for row in w.rows]
    told = [(_implant(w, row.truth), row.outcome == "hit") for w, row in pairs if row.truth is not None]
    hits = [(w, row) for w, row in pairs if row.outcome == "hit"]
    false = [_alarm(w, row.found) for w, row in pairs if row.outcome == "false" and row.found is not None]
    misses = [
        {**_implant(w, row.truth), "why": row.cause}
        for w, row in pairs
        if row.outcome == "missed" and row.truth is not None
    ]
    minutes = sum(sum(w.seconds.values()) for w in watchings) / 60
    named = recognition([row for _, row in hits])
    low, high = implants.size_px
    edges = np.round(np.linspace(low, high, _SIZE_BINS + 1), 3) if high > low else np.array([low, high])

    def recall(name: str, key: Any) -> list[dict[str, Any]]:
        groups: dict[Any, list[bool]] = {}
        for truth, hit in told:
            groups.setdefault(key(truth), []).append(hit)
        return [{name: value, **_recall(found)} for value, found in sorted(groups.items())]

    def size_bin(truth: dict[str, Any]) -> str:
        k = int(np.clip(np.searchsorted(edges, truth["size_px"], side="right") - 1, 0, len(edges) - 2))
        return f"{edges[k]:g}-{edges[k + 1]:g}"

    who = {w.measured.name: people[w.real.name] for w in watchings}
    by_video = recall("video", lambda t: t["video"])
    by_person = recall("person", lambda t: who[t["video"]])
    return {
        "seeds": list(seeds),
        "size_px": list(implants.size_px),
        "length_s": list(implants.length_s),
        "course": implants.course,
        "expressions": implants.expressions,
        **_recall([hit for _, hit in told]),
        "early": early([w.measured for w in watchings]),
        "recall_ci95_over_people": interval([(r["person"], r["hits"], r["implanted"]) for r in by_person]),
        "by_size": recall("size_px", size_bin),
        "by_activity": recall("activity", lambda t: t["activity"]),
        "by_action_units": recall("action_units", lambda t: "+".join(map(str, t["action_units"]))),
        "by_label": recall("label", lambda t: t["label"]),
        "by_video": by_video,
        "by_person": by_person,
        "apex": _apex(hits),
        "class": None
        if named is None
        else {
            "hits": named["named"],
            "acc": named["acc"],
            "uf1": named["uf1"],
            "confusion": named["confusion"],
            "abstained": sum(not is_named(row.found) for _, row in hits if row.found is not None),
        },
        "missed_by": dict(Counter(_why(m["why"]) for m in misses).most_common()),
        "alarms": false,
        "alarms_per_minute": _ratio(len(false), minutes),
        "alarms_named_per_minute": _ratio(sum(a["named"] for a in false), minutes),
        "misses": misses,
        **_refusals(watchings),
    }


def _why(words: str) -> str:
    """The kind of a miss: what was told over it, else what the spotter said last."""
    if words.startswith("told as "):
        return " ".join(words.split()[:3])
    return "another movement was told" if words.startswith("rose and returned") else kind_of(words)


def _recall(found: Sequence[bool]) -> dict[str, Any]:
    low, high = wilson(sum(found), len(found))
    return {
        "implanted": len(found),
        "hits": sum(found),
        "recall": _ratio(sum(found), len(found)),
        "recall_ci95": [round(low, 4), round(high, 4)],
    }


def _apex(hits: Sequence[tuple[Watching, Row]]) -> dict[str, Any] | None:
    """Mean error of the apex of what was found, in frames and in the times of the file."""
    both = [(w, row.truth, row.found) for w, row in hits if row.truth and row.found]
    if not both:
        return None
    frames = [abs(found.apex - truth.apex) for _, truth, found in both if truth.apex is not None]
    ms = [1000 * abs(w.at(f.apex) - w.at(t.apex)) for w, t, f in both if t.apex is not None]
    return {"mae_frames": round(float(np.mean(frames)), 3), "mae_ms": round(float(np.mean(ms)), 1)}


def micro_only(measured: Measured) -> Measured:
    """Without macro-expressions and blinks, of which nothing is known and which are no mistakes."""
    return msgspec.structs.replace(measured, found=tuple(f for f in measured.found if f.kind == "micro"))
