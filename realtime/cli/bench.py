"""``apexcam bench``."""

import sys
from typing import Annotated, Any

import typer

from engines.installation import check_opencv
from realtime.cli.app import AsJson, check_finite, print_json, print_table, say, table


def bench(
    seconds: Annotated[
        float, typer.Option(metavar="S", min=1.0, help="Measure each case for so many seconds.")
    ] = 15.0,
    endurance: Annotated[
        float | None,
        typer.Option(
            metavar="M", min=0.5, help="Instead: one camera of 200 fps for so many minutes; what grows."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What this machine carries: one, two and four rendered cameras, and a hundred subscribers of whom one is stuck.

    Example: apexcam bench --seconds 10
    """
    check_opencv()
    from dataclasses import asdict

    from realtime.machine import endurance as long_run
    from realtime.machine import load

    check_finite(seconds=seconds, endurance=endurance)
    if endurance is not None:
        result = long_run.endure(endurance, sampled=lambda sample: say(_sample_line(sample)))
        summary: Any = {**asdict(result), "flat": result.flat}
    else:
        rows = []
        for case in load.CASES:
            say(f"{case.cameras} x {case.fps:g} fps, {case.subscribers} subscribers: {seconds:g} s")
            rows.append(load.measure(case, seconds))
        summary = [asdict(row) for row in rows]
    if as_json:
        print_json(summary)
    elif endurance is not None:
        for sample in result.samples if not sys.stderr.isatty() else ():
            print(_sample_line(sample))
        print(
            f"{'flat' if result.flat else 'NOT FLAT'} over {result.minutes:g} min, "
            f"{result.delivered_fps:g} of {result.fps:g} fps: memory {result.memory_growth:+.2%}, "
            f"handles {result.handles_growth:+d}, threads {result.threads_growth:+d}, "
            f"segments {result.segments_growth:+d}, {result.restarts} restarts; frames {result.frames}"
        )
    else:
        print_table(_load_table(rows))
        for row in rows:
            if row.problem:
                print(f"{row.cameras} x {row.fps:g} fps: {row.problem}")
    if endurance is not None and not result.flat:
        raise typer.Exit(1)


def _sample_line(sample: Any) -> str:
    memory = ", ".join(f"{name} {mb:.0f}" for name, mb in sample.memory_mb.items())
    return (
        f"{sample.at_s / 60:6.1f} min  {sample.total_mb:.1f} MB ({memory})  {sample.handles} handles  "
        f"{sample.threads} threads  {sample.segments} segments  {sample.waiting} frames waiting  "
        f"{sample.skipped} skipped  {sample.dropped} messages dropped"
    )


def _load_table(rows: list[Any]) -> Any:
    names = ("cameras", "fps each", "delivered", "watched", "skipped", "ms p50", "ms p99", "ms max")
    shown = table(*names, "cpu %", "subscribers", "each heard", "stuck one lost", "ms told p99")
    for row in rows:
        watched = row.capture_to_watched_ms
        cpu = " ".join(f"{name} {share:.0f}" for name, share in row.cpu.items())
        heard = f"{row.heard[0]}" if row.heard[0] == row.heard[1] else f"{row.heard[0]}-{row.heard[1]}"
        skipped = f"{row.skipped}{' (said)' if row.skipped_said else ''}"
        cells = (row.cameras, f"{row.fps:g}", row.delivered_fps, row.watched_fps, skipped)
        times = (f"{watched[name]:.1f}" for name in ("p50", "p99", "max"))
        rest = (cpu, row.subscribers, heard, row.dropped, f"{row.told_ms['p99']:.1f}")
        shown.add_row(*map(str, (*cells, *times, *rest)))
    return shown
