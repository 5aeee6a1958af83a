"""A run as one HTML page that needs nothing beside itself."""

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from engines.files import write_bytes
from offline import pages
from offline.datasets.samples import Samples
from offline.pages import escaped, table
from offline.projection import Projection, project
from offline.runs.plan import Plan
from offline.tables import audit_sentence, title_of

# Of matrices of confusion, and of the words in figures.
_STYLE: Final = """
.confusion td,.confusion th{border:0;padding:.5rem .7rem;text-align:center;min-width:3.4rem}
.confusion th{font-size:.82rem}.confusion small{display:block;opacity:.75}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
"""


def write_report(
    samples: Samples, plan: Plan, report: dict[str, Any], out: Path, features: bool = True
) -> None:
    """Write report.html into a run's folder from its results, its training curve and the features of unseen
    people, for which the recogniser is trained once more.
    """
    training = replace(plan.training, seed=plan.seeds[0], protocol=plan.protocol.name)
    projection = project(samples, plan.entry, training) if features else None
    curve = _read_curve(out / "training.csv")
    write_bytes(out / "report.html", page(report, plan, curve, projection).encode())


def _read_curve(path: Path) -> list[tuple[float, float]]:
    if not path.exists():
        return []
    rows = csv.DictReader(io.StringIO(path.read_text()))
    return [(float(row["training_loss"]), float(row["training_accuracy"])) for row in rows]


def page(
    report: dict[str, Any], plan: Plan, curve: list[tuple[float, float]], projection: Projection | None
) -> str:
    """The whole page."""
    full = report["metrics"]["full"]
    low, high = full["uf1_ci95"]
    seeds, drawn = len(report["seeds"]), "rendered" in report
    parts = [
        f"<h1>{escaped(plan.entry.title)}</h1>",
        f'<p class="soft">{escaped(report["protocol"])}: {escaped(plan.protocol.title)}</p>',
        f'<p class="big">{full["uf1"]:.3f} UF1{" on rendered faces" * drawn}</p>',
        f'<p class="lead">Between {low:.3f} and {high:.3f} had other people like these been '
        f"{'rendered' if drawn else 'recorded'} (95 %). "
        f"{report['n_samples']} clips of {report['n_subjects']} people, {seeds} seed{'s' if seeds > 1 else ''}, "
        f"{'scored where training ended' if plan.recipe and plan.recipe.patience else 'scored at the last epoch'}.</p>",
        *(f'<p class="note">{escaped(note)}</p>' for note in report["notes"]),
        "<h2>Scores</h2>",
        _scores(report),
        "<h2>Where the paper's figures lie</h2>" if "paper" in report else "<h2>Intervals</h2>",
        _intervals(report),
    ]
    if "audit" in report:
        parts += [
            "<h2>What a look at the test subjects would have claimed</h2>",
            f"<p>{escaped(audit_sentence(report))}. One epoch for all, chosen the same way, would have claimed "
            f"UF1 {report['audit']['uf1_best_common_epoch']:.4f}. Much published code scores so.</p>",
        ]
    parts += ["<h2>What is taken for what</h2>", _confusions(report)]
    if curve:
        parts += ["<h2>Training</h2>", _curves(curve)]
    if projection is not None:
        parts += [
            "<h2>Features of people the network has not seen</h2>",
            _scatter(projection, report["classes"]),
        ]
    epochs = f"Epochs: {report['epochs']}. " if report["epochs"] else ""
    parts += [
        "<h2>How it was trained</h2>",
        f"<p>{escaped(_whose(report, plan))}. {epochs}Scoring: {escaped(report['scoring'])}. "
        f"{report['seconds']:.0f} s of computing.</p>",
        '<p class="soft">predictions.csv beside this page holds every prediction: all figures can be recomputed.</p>',
    ]
    title = f"{report['model']} · {report['protocol']}{', rendered faces' * drawn}"
    return pages.page(title, parts, _STYLE)


def _whose(report: dict[str, Any], plan: Plan) -> str:
    """Whose settings, and which of them are assumed."""
    trained = report["training"]
    words = [trained.get("source", plan.entry.source)]
    words += [f"{what}: {', '.join(trained[what])}" for what in ("assumed", "differs") if trained.get(what)]
    return "; ".join(words)


def _scores(report: dict[str, Any]) -> str:
    paper = report.get("paper")
    head = ["clips", "accuracy", "F1", "UF1", "95 % interval", "UAR"]
    head += ["paper UF1", "difference", "paper UAR", "difference"] if paper else []
    rows = []
    for name, m in report["metrics"].items():
        cells = [
            f"{title_of(name, report.get('rendered', ()))} ({m['n_samples']})",
            f"{m['acc']:.3f}",
            f"{m['f1']:.3f}",
            f"{m['uf1']:.4f}",
        ]
        cells += ["{:.3f} to {:.3f}".format(*m["uf1_ci95"]), f"{m['uar']:.4f}"]
        if paper and name in paper:
            for key in ("uf1", "uar"):
                cells += [f"{paper[name][key]:.4f}", f"{paper['difference'][name][key]:+.4f}"]
        elif paper:
            cells += [""] * 4
        rows.append(cells)
    source = f'<p class="soft">Published: {escaped(paper["source"])}.</p>' if paper else ""
    return table(head, rows, text=(0,)) + source


def _intervals(report: dict[str, Any]) -> str:
    """Dot and whiskers for every set of clips, the paper's figure as an open diamond."""
    paper = report.get("paper", {})
    rendered = report.get("rendered", ())
    left, width, step = 190 if rendered else 150, 520, 46
    metrics = report["metrics"]

    def x(value: float) -> float:
        return left + width * value

    parts = [
        f'<line x1="{x(t / 10):.0f}" x2="{x(t / 10):.0f}" y1="0" y2="{step * len(metrics)}" stroke="var(--line)"/>'
        f'<text x="{x(t / 10):.0f}" y="{step * len(metrics) + 18}" text-anchor="middle">{t / 10:.1f}</text>'
        for t in range(0, 11, 2)
    ]
    for i, (name, m) in enumerate(metrics.items()):
        y = step * i + step / 2
        low, high = m["uf1_ci95"]
        parts.append(f'<text x="0" y="{y + 4:.0f}">{escaped(title_of(name, rendered))}</text>')
        parts.append(
            f'<line x1="{x(low):.1f}" x2="{x(high):.1f}" y1="{y}" y2="{y}" stroke="rgb(var(--tint))" stroke-width="3"/>'
        )
        parts += [
            f'<circle cx="{x(v):.1f}" cy="{y}" r="2.5" fill="var(--ink)" opacity=".5"/>'
            for v in m["uf1_by_seed"]
        ]
        parts.append(f'<circle cx="{x(m["uf1"]):.1f}" cy="{y}" r="6" fill="rgb(var(--tint))"/>')
        if name in paper:
            p = x(paper[name]["uf1"])
            parts.append(
                f'<path d="M{p - 7:.1f} {y}L{p:.1f} {y - 7}L{p + 7:.1f} {y}L{p:.1f} {y + 7}Z" fill="none" '
                'stroke="var(--ink)" stroke-width="1.5"/>'
            )
    caption = "UF1, its 95 % interval over people, each seed a small dot" + (
        "; diamonds are the published figures." if paper else "."
    )
    return (
        f'<figure><svg viewBox="-4 -6 {left + width + 30} {step * len(metrics) + 32}" '
        f'width="{left + width + 30}" role="img">'
        f"{''.join(parts)}</svg><figcaption>{caption}</figcaption></figure>"
    )


def _confusions(report: dict[str, Any]) -> str:
    figures = []
    for name, m in report["metrics"].items():
        matrix = np.array(m["confusion"], float)
        shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
        head = "<tr><th></th>" + "".join(f"<th>{escaped(c)}</th>" for c in report["classes"]) + "</tr>"
        body = "".join(
            f"<tr><th>{escaped(c)}</th>"
            + "".join(
                f'<td style="background:rgba(var(--tint),{0.75 * s:.2f})">{s:.0%}<small>{n:.0f}</small></td>'
                for s, n in zip(shares[i], matrix[i], strict=True)
            )
            + "</tr>"
            for i, c in enumerate(report["classes"])
        )
        figures.append(
            f'<figure><table class="confusion">{head}{body}</table>'
            f"<figcaption>{escaped(title_of(name, report.get('rendered', ())))}</figcaption></figure>"
        )
    return (
        '<p class="soft">Rows are what the clips are labelled, columns what they were taken for, over all seeds.</p>'
        f'<div class="row">{"".join(figures)}</div>'
    )


def _curves(curve: list[tuple[float, float]]) -> str:
    figures = []
    for place, (word, top) in enumerate((("loss", None), ("accuracy", 1.0))):
        values = [point[place] for point in curve]
        most = top or max(values) or 1.0
        width, height = 320, 150
        points = " ".join(
            f"{width * i / max(len(values) - 1, 1):.1f},{height - height * v / most:.1f}"
            for i, v in enumerate(values)
        )
        figures.append(
            f'<figure><svg viewBox="-34 -8 {width + 46} {height + 32}" width="{width + 46}" role="img">'
            f'<path d="M0 0V{height}H{width}" fill="none" stroke="var(--line)"/>'
            f'<text x="-6" y="6" text-anchor="end">{most:.2g}</text>'
            f'<text x="-6" y="{height + 4}" text-anchor="end">0</text>'
            f'<text x="{width}" y="{height + 18}" text-anchor="end">epoch {len(values)}</text>'
            f'<polyline points="{points}" fill="none" stroke="rgb(var(--tint))" stroke-width="2"/></svg>'
            f"<figcaption>{word} on training clips, mean of folds; ends at {values[-1]:.3f}</figcaption></figure>"
        )
    return f'<div class="row">{"".join(figures)}</div>'


def _scatter(projection: Projection, classes: list[str]) -> str:
    points = projection.points - projection.points.min(0)
    points = points / max(float(points.max()), 1e-9) * 380
    height = max(float(points[:, 1].max()), 24.0 * len(classes))
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="var(--c{label})" fill-opacity=".8"/>'
        for (x, y), label in zip(points, projection.labels, strict=True)
    )
    legend = "".join(
        f'<circle cx="420" cy="{18 + 24 * i}" r="5" fill="var(--c{i})"/>'
        f'<text x="432" y="{22 + 24 * i}">{escaped(c)}</text>'
        for i, c in enumerate(classes)
    )
    return (
        f'<figure><svg viewBox="-10 -10 530 {height + 20:.0f}" width="530" role="img">{dots}{legend}</svg>'
        f"<figcaption>t-SNE of what the classifying layers see, for {projection.shown} people held out from a network "
        f"trained on the other {projection.trained_on}. Each dot is a clip.</figcaption></figure>"
    )
