"""Which of the intervals that were spotted answers which of those performed: how much they overlap, one to one."""

from collections.abc import Iterable

# An interval is found where it and the truth share half of what they cover together (MEGC 2019-2022).
LEAST_IOU = 0.5


def overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Intersection over union of two stretches of time, first and last instant; 0 where they are apart."""
    inner = min(a[1], b[1]) - max(a[0], b[0])
    outer = max(a[1], b[1]) - min(a[0], b[0])
    return max(0.0, inner) / outer if outer > 0 else 0.0


def one_to_one(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    """Answers (value) to questions (key) from pairs in the order of preference, each question and answer once."""
    answers: dict[int, int] = {}
    taken: set[int] = set()
    for question, answer in pairs:
        if question not in answers and answer not in taken:
            answers[question] = answer
            taken.add(answer)
    return answers
