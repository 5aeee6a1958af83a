"""Spotting as the MEGC challenges score it: the baseline of 2020 (MDMD) and a winning method's logs of 2021."""

from dataclasses import dataclass
from pathlib import Path

from engines.errors import InputError
from offline.datasets.sheets import whole
from offline.spotting.megc import Count, Outcome, count, outcomes
from offline.spotting.megc_files import read_intervals, video_key
from offline.spotting.truth import Interval
from offline.verify.check import Artefacts, Check, figures, skipped
from offline.verify.logs import text_of


@dataclass(frozen=True)
class _Baseline:
    """A row of the baseline's table: ``least`` to ``most`` frames count as this kind."""

    title: str
    labels: str
    intervals: str
    kind: str
    least: int
    most: int | None
    predictions: int
    found: int
    of: int
    f1: float
    strict: tuple[int, float]


_BASELINE = (
    _Baseline(
        *("CAS(ME)², micro", "CAS(ME)^2_Sets", "ME2_micro_txtClips", "micro", 7, 16),
        *(5035, 21, 57, 0.0082, (21, 0.0082)),
    ),
    _Baseline(
        *("CAS(ME)², macro", "CAS(ME)^2_Sets", "ME2_macro_txtClips", "macro", 17, None),
        *(1523, 109, 300, 0.1196, (104, 0.1141)),
    ),
    _Baseline(
        *("SAMM Long Videos, micro", "SAMM_MEGC_Sets", "SAMM_MEGC_micro_txtClips", "micro", 47, 105),
        *(1436, 29, 159, 0.0364, (29, 0.0364)),
    ),
    _Baseline(
        *("SAMM Long Videos, macro", "SAMM_MEGC_Sets", "SAMM_MEGC_macro_txtClips", "macro", 106, None),
        *(356, 22, 343, 0.0629, (22, 0.0629)),
    ),
)


def baseline(artefacts: Artefacts) -> list[Check]:
    """The four rows of MEGC 2020's baseline, under the official counting and one to one."""
    root, checks = artefacts.folder / "mdmd", []
    for row in _BASELINE:
        name = f"MEGC 2020 baseline, {row.title}"
        table, folder = root / row.labels / "all_Info.txt", root / "intervals" / row.intervals
        missing = next((path for path in (table, folder) if not path.exists()), None)
        if missing is not None:
            checks.append(skipped(name, missing))
            continue
        labels = _labels(table)
        told = {
            video: [one for one in spans if _counts(one, row)]
            for video, spans in read_intervals(folder).predictions.items()
        }
        length = f"{row.least} to {row.most}" if row.most else f"{row.least} or more"
        official, strict = (count(labels, told, row.kind, counting) for counting in ("official", "strict"))
        expected = {"predictions": row.predictions, "found": row.found, "labels": row.of, "F1": row.f1}
        why = f"predictions of {length} frames; found labels are counted"
        checks.append(figures(name, expected, _figures(official), why))
        one_to_one = expected | {"found": row.strict[0], "F1": row.strict[1]}
        why = (
            "the same labels are found"
            if row.strict[0] == row.found
            else f"{row.found - row.strict[0]} labels share their prediction with another in the official counting"
        )
        checks.append(figures(f"{name}, one to one", one_to_one, _figures(strict), why))
    return checks


def _counts(interval: Interval, row: _Baseline) -> bool:
    length = interval.offset - interval.onset + 1
    return row.least <= length and (row.most is None or length <= row.most)


def _figures(counted: Count) -> dict[str, float]:
    return {
        "predictions": counted.predictions,
        "found": counted.found,
        "labels": counted.labels,
        "F1": counted.f1,
    }


def _labels(table: Path) -> dict[str, list[Interval]]:
    """Lines of `s15 0401 macro-expression 557.0 572.0 608.0`: subject, video, kind, onset, apex, offset."""
    labels: dict[str, list[Interval]] = {}
    for number, line in enumerate(text_of(table).splitlines(), start=1):
        cells = line.split()
        if not cells:
            continue
        where = f"{table}, line {number}"
        if len(cells) != 6:
            raise InputError(f"{where}: {line.strip()[:40]!r} is no label; copy it again")
        onset, _, offset = (whole(cell, where) for cell in cells[3:])
        kind = cells[2].removesuffix("-expression")
        labels.setdefault(video_key(f"{cells[0]}_{cells[1]}"), []).append(Interval(kind, onset, None, offset))
    return labels


# Of the log: TP, FP, FN and F1 = 2 TP / (2 TP + FP + FN).
_LOGS = (
    ("CAS(ME)², micro", "LOG_CAS_Micro.txt", (17, 92, 40), 0.2048),
    ("CAS(ME)², macro", "LOG_CAS_Macro.txt", (81, 267, 219), 0.2500),
    ("SAMM Long Videos, micro", "LOG_SAMM_Micro.txt", (58, 368, 101), 0.1983),
    ("SAMM Long Videos, macro", "LOG_SAMM_Macro.txt", (89, 311, 254), 0.2396),
)


def winning_logs(artefacts: Artefacts) -> list[Check]:
    """Every line of the logs again from their labels and predictions, and the F1 that follows."""
    checks = []
    for title, file, (tp, fp, fn), f1 in _LOGS:
        name, path = f"MEGC 2021 log, {title}", artefacts.folder / "megc2021" / file
        if not path.is_file():
            checks.append(skipped(name, path))
            continue
        log = read_intervals(path)
        written = [(video, line) for video, lines in log.written.items() for line in lines]
        kind = "micro" if "Micro" in file else "macro"
        ours = {
            (video, line)
            for video in log.written
            for line in outcomes(log.labels[video], log.predictions[video], strict=False)
        }
        off = [f"{video} {_said(line)}" for video, line in written if (video, line) not in ours]
        equal = len(written) - len(off)
        checks.append(
            Check(
                f"{name}, line by line",
                f"{len(written)} of {len(written)}",
                f"{equal} of {len(written)}",
                not off and len(ours) == len(written),
                "; ".join(off[:5]) or "labels and predictions matched again",
            )
        )
        lines = count(log.labels, log.predictions, kind, "lines")
        strict = count(log.labels, log.predictions, kind, "strict")
        found = {
            "TP": lines.found,
            "FP": lines.predictions - lines.found,
            "FN": lines.labels - lines.found,
            "F1": lines.f1,
        }
        why = "a prediction that finds two labels has two lines" if strict.found != lines.found else ""
        if why:
            why += f"; one to one {strict.found} are found and F1 is {strict.f1:.4f}"
        checks.append(figures(name, {"TP": tp, "FP": fp, "FN": fn, "F1": f1}, found, why))
    return checks


def _said(line: Outcome) -> str:
    label, prediction = (
        f"{one.onset}-{one.offset}" if one else "nothing" for one in (line.label, line.prediction)
    )
    return f"{label} by {prediction} {line.word}"
