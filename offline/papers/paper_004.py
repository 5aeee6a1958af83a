"""Paper 004, tables II and III. What its figure 3 draws (alpha, the over-sampler, streams alone) has no numbers."""

from typing import Final

from offline.papers import Column, Row, Table


def _columns(protocol: str, clips: int) -> tuple[Column, ...]:
    return Column("F1-Score", protocol, "f1", clips=clips), Column("Accuracy", protocol, "acc", clips=clips)


TABLES: Final = (
    Table(
        "II",
        "CASME II, 5 classes, leave one subject out",
        _columns("loso-casme2-5", 247),
        (
            Row("ELRCN-TE", "", (0.5000, 0.5244)),
            Row("LBP-SIP", "lbp-sip-r1", (0.4480, 0.4656)),
            Row("CNN + SFS", "", (None, 0.4730)),
            Row("Adaptive MM + LBP-TOP", "", (None, 0.5191)),
            Row("FDM", "fdm", (0.4053, 0.4593)),
            Row("Ours (EVM + Optical)", "mscnn-flow", (0.4705, 0.5077)),
            Row("Ours (MSCNN)", "mscnn", (0.5325, 0.5650)),
        ),
    ),
    Table(
        "III",
        "SAMM, 5 classes, leave one subject out",
        _columns("loso-samm-5", 136),
        (
            Row("HOOF", "hoof-n8-tim10", (0.33, 0.4217)),
            Row("HOG3D", "", (0.22, 0.3416)),
            Row("LBP-TOP", "lbp-top-r3p8", (0.1768, 0.3556)),
            Row("Ours (MSCNN)", "mscnn", (0.3173, 0.4071)),
            Row("Ours (EVM + Optical)", "mscnn-flow", (0.3569, 0.4304)),
        ),
        (
            "bins and frames of HOOF, radius and points of LBP-TOP are not stated: 8 and 10, 3 and 8 here",
            'the accuracy of MSCNN is printed "0..4071": read as .4071',
        ),
    ),
)
