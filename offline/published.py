"""What the papers state, to stand beside what is measured here."""

from typing import Any, Final

_TABLE_2: Final = "paper 002, table 2 (CDE on 442 clips; scoring as their authors did it)"
_TABLE_1: Final = "paper 002, table 1 (CDE on 442 clips)"

# UF1, UAR of CDE: full, SMIC-HS, CASME II, SAMM
_CDE: Final[dict[str, tuple[str, tuple[float, ...]]]] = {
    "ststnet": (_TABLE_2, (0.7353, 0.7605, 0.6801, 0.7013, 0.8382, 0.8686, 0.6588, 0.6810)),
    "off-apexnet": (_TABLE_2, (0.7196, 0.7096, 0.6817, 0.6695, 0.8764, 0.8681, 0.5409, 0.5392)),
    "dual-inception": (_TABLE_2, (0.7322, 0.7278, 0.6645, 0.6726, 0.8621, 0.8560, 0.5868, 0.5663)),
    "fr": (_TABLE_2, (0.7838, 0.7832, 0.7011, 0.7083, 0.8915, 0.8873, 0.7372, 0.7155)),
    "fr-fc": (_TABLE_1, (0.7377, 0.7443)),
    "fr-concatenated": (_TABLE_1, (0.7632, 0.7727)),
    "rcn": ("Xia et al., TIP 2020, as cited by later work", (0.7432, 0.7190)),
    "alexnet": (_TABLE_2, (0.6933, 0.7154, 0.6201, 0.6373, 0.7994, 0.8312, 0.6104, 0.6642)),
    "googlenet": (_TABLE_2, (0.5573, 0.6049, 0.5123, 0.5511, 0.5989, 0.6414, 0.5124, 0.5992)),
    "vgg16": (_TABLE_2, (0.6425, 0.6516, 0.5800, 0.5964, 0.8166, 0.8202, 0.4870, 0.4793)),
}
_CDE["ststnet-plain"] = _CDE["ststnet"]
# Rows of the same table that no recogniser here stands for: they complete the merged table.
ONLY_PUBLISHED: Final[dict[str, tuple[str, tuple[float, ...]]]] = {
    "LBP-TOP": (_TABLE_2, (0.5882, 0.5785, 0.2000, 0.5280, 0.7026, 0.7429, 0.3954, 0.4102)),
    "Bi-WOOF": (_TABLE_2, (0.6296, 0.6227, 0.5727, 0.5829, 0.7805, 0.8026, 0.5211, 0.5139)),
    "CapsuleNet": (_TABLE_2, (0.6520, 0.6506, 0.5820, 0.5877, 0.7068, 0.7018, 0.6209, 0.5989)),
    "EMR": (_TABLE_2, (0.7885, 0.7824, 0.7461, 0.7530, 0.8293, 0.8209, 0.7754, 0.7152)),
}
PUBLISHED_ON: Final = 442
SETS: Final = ("full", "smic", "casme2", "samm")


def scores(values: tuple[float, ...]) -> dict[str, dict[str, float]]:
    """A table's row as ``{"full": {"uf1": ..., "uar": ...}, ...}``."""
    pairs = zip(values[::2], values[1::2], strict=True)
    return {name: {"uf1": uf1, "uar": uar} for name, (uf1, uar) in zip(SETS, pairs, strict=False)}


def published(model: str, protocol: str) -> dict[str, Any] | None:
    """The paper's row for a recogniser under a protocol, with its source; None where there is none."""
    if protocol != "cde" or model not in _CDE:
        return None
    source, values = _CDE[model]
    return {"source": source, **scores(values)}


def difference(metrics: dict[str, Any], paper: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Measured minus published, for every set of clips and score that both have."""
    return {
        name: {key: round(metrics[name][key] - value, 4) for key, value in row.items()}
        for name, row in paper.items()
        if name in metrics
    }
