"""Paper 000, tables 3 and 4. Tables 6 to 10 (confusions, u and v alone) are not in the text these were taken from."""

from typing import Final

from offline.papers import Column, Row, Table, percent

_NO = (None, None)
_ALONE: Final = (
    Column("SMIC Acc", "loso-smic", "acc", clips=164),
    Column("SMIC F", "loso-smic", "f1", clips=164),
    Column("CASME II Acc, 5 classes", "loso-casme2-5", "acc", clips=246),
    Column("CASME II F", "loso-casme2-5", "f1", clips=246),
    Column("SAMM Acc, 5 classes", "loso-samm-5", "acc", clips=136),
    Column("SAMM F", "loso-samm-5", "f1", clips=136),
)
_TOGETHER: Final = tuple(
    Column(f"{title} {heading}", "cde", metric, of, clips)
    for title, of, clips in (("SMIC", "smic", 164), ("CASME II", "casme2", 145), ("SAMM", "samm", 132))
    for heading, metric in (("Acc", "acc"), ("F", "f1"))
)

TABLES: Final = (
    Table(
        "3",
        "OFF-ApexNet by epochs, the three databases together, leave one subject out",
        (Column("Acc", "cde", "acc", clips=441), Column("F", "cde", "f1", clips=441)),
        tuple(
            Row(f"{epochs} epochs", "off-apexnet", percent(acc, f), epochs)
            for epochs, acc, f in (
                (1000, 72.56, 0.6905),
                (2000, 73.47, 0.7027),
                (3000, 74.60, 0.7104),
                (4000, 72.79, 0.6918),
                (5000, 73.70, 0.6998),
            )
        ),
        ("441 clips: one negative clip of SAMM, unnamed, is left out there",),
    ),
    Table(
        "4, methods 1 to 11",
        "each database alone, leave one subject out",
        _ALONE,
        (
            Row("LBP-TOP", "lbp-top-r3p8", percent(45.73, 0.4600, 39.68, 0.3589, 35.56, 0.1768)),
            Row("OSF", "", (*percent(31.98, 0.4461), *_NO, *_NO)),
            Row("OSW", "", (*percent(53.05, 0.5431, 41.70, 0.3820), *_NO)),
            Row("LBP-SIP", "lbp-sip-r1", (*percent(54.88, 0.5502, 43.32, 0.3976), *_NO)),
            Row("MRW", "", (*percent(34.15, 0.3451, 46.15, 0.4307), *_NO)),
            Row("STLBP-IP", "", (*percent(57.93, 0.5829, 59.51, 0.5679), *_NO)),
            Row("FDM", "fdm", (*percent(54.88, 0.5380, 41.96, 0.2972), *_NO)),
            Row("Sparse Sampling", "", (*percent(58.00, 0.6000, 49.00, 0.5100), *_NO)),
            Row("STCLQP", "", (*percent(64.02, 0.6381, 58.39, 0.5836), *_NO)),
            Row("MDMO", "mdmo", (*_NO, *percent(44.25, 0.4416), *_NO)),
            Row("Bi-WOOF", "bi-woof", (*percent(61.59, 0.6110, 57.89, 0.6125), *_NO)),
        ),
        (
            "LBP-TOP and LBP-SIP: radius and points are not stated; radius 3 with 8 points, and radius 1, here",
        ),
    ),
    Table(
        "4, methods 12 to 14",
        "3 classes, the databases trained on together, leave one subject out, scored on each",
        _TOGETHER,
        (
            Row("LBP-TOP", "lbp-top-r3p8", percent(38.41, 0.3875, 60.00, 0.5222, 59.09, 0.3640)),
            Row("Bi-WOOF", "bi-woof", percent(61.59, 0.6110, 80.69, 0.7902, 58.33, 0.3970)),
            Row("OFF-ApexNet", "off-apexnet", percent(67.68, 0.6709, 88.28, 0.8697, 68.18, 0.5423)),
        ),
    ),
)
