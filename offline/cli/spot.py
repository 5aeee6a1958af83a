"""`apexbench spot`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from engines.errors import InputError
from engines.files import check_folder
from offline.cli.options import Json, cores, range_of, seeds_of
from offline.cli.output import say
from offline.progress import progress_bar


def spot(
    out: Annotated[
        Path, typer.Option(help="Folder for the results; an interrupted run goes on from what is in it.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="A database of long videos: its table and its folders of images.")
    ] = None,
    layout: Annotated[
        str | None, typer.Option(help="casme2long or sammlv; found out from the table's name by default.")
    ] = None,
    rendered: Annotated[
        bool, typer.Option("--rendered", help="Render faces instead, and half as many neutral videos.")
    ] = False,
    real: Annotated[
        Path | None,
        typer.Option(help="Real videos without annotation: a folder of video files, or one of them."),
    ] = None,
    implant: Annotated[
        bool,
        typer.Option(
            "--implant", help="Also put known micro-expressions into the real videos, by moving skin."
        ),
    ] = False,
    size: Annotated[str, typer.Option(help="Implants, px at a face 200 px wide: least-most.")] = "1-2.6",
    length: Annotated[str, typer.Option(help="Implants, seconds: shortest-longest.")] = "0.26-0.48",
    course: Annotated[
        str, typer.Option(help="How implants rise and fall: raised-cosine or minimum-jerk.")
    ] = "raised-cosine",
    expressions: Annotated[
        str, typer.Option(help="Implants: all that are known, or the common AU 6+12, 1+2+26, 4+15, 9+15.")
    ] = "all",
    implant_seeds: Annotated[str, typer.Option(help="Each seed is other implants in every video.")] = "1",
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder for the implanted videos, lossless at a constant rate, and truth.csv."),
    ] = None,
    intervals: Annotated[
        Path | None,
        typer.Option(
            help="Score these intervals instead: a folder in a format of the MEGC; --data has the labels, or the log."
        ),
    ] = None,
    method: Annotated[str, typer.Option(help="motion, interframe or dcrois.")] = "motion",
    network: Annotated[
        Path | None, typer.Option(help="A network made by spot-train instead of the shipped one.")
    ] = None,
    left_out: Annotated[
        Path | None,
        typer.Option(
            help="Networks of spot-train --keep-folds: each video is measured by one trained without its person."
        ),
    ] = None,
    people: Annotated[
        Path | None, typer.Option(help="Who is in which real video, for intervals: a CSV file,person.")
    ] = None,
    alarms: Annotated[
        float | None, typer.Option(help="False alarms a minute to accept; .5 by default.")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Rendered faces; tuning used those below 101.")] = "101-106",
    seconds: Annotated[float, typer.Option(help="Length of a rendered video.")] = 60.0,
    fps: Annotated[str, typer.Option(help="Frame rates to render at, such as 200,100,30.")] = "200",
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            help="Also curves over displacement, noise, sway and frame rate: 21 more videos a face.",
        ),
    ] = False,
    lively: Annotated[
        bool, typer.Option("--lively", help="Rendered faces move, speak and laugh as real people did.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=0, help="Videos at a time; 0 is one for each core.")] = 0,
    as_json: Json = False,
) -> None:
    """Score the spotter on long videos: intervals, apexes, false alarms, classes.

    Examples: apexbench spot --rendered --seeds 101-106 --out runs/spot
              apexbench spot --data CASME_sq --out runs/spot-casme
              apexbench spot --real videos --implant --out runs/spot-real
              apexbench spot --intervals theirs --data CASME_sq --out runs/theirs
    """
    from offline.spotting import command, real_command
    from offline.spotting.real import Implants

    if intervals is not None:
        if rendered or real is not None:
            raise InputError(
                "--intervals are scored against --data DIR, or the labels in their own log, alone"
            )
        _intervals(intervals, data, layout, out, as_json)
        return
    if sum((rendered, data is not None, real is not None)) != 1:
        raise InputError(
            "give either --data DIR, a database of long videos, or --rendered, or --real DIR, videos as they are"
        )
    if real is None and (implant or keep is not None):
        raise InputError("--implant and --keep go with --real DIR, a folder of real videos")
    if real is None and (left_out is not None or people is not None):
        raise InputError("--left-out and --people go with --real DIR, a folder of real videos")
    if left_out is not None and network is not None:
        raise InputError("give either --network or --left-out, which has a network for each video")
    check_folder("--out", out)
    if keep is not None:
        check_folder("--keep", keep)
    setup, numbers = command.setup_of(method, network, alarms), seeds_of(seeds)
    try:
        rates = tuple(dict.fromkeys(float(part) for part in fps.split(",")))
    except ValueError:
        raise InputError(f"--fps {fps!r} is not a list of frame rates such as 200,100,30") from None
    with progress_bar("frames") as progress:
        if data is not None:
            results = command.spot_recorded(data, layout, setup, out, jobs or cores(), progress)
        elif real is not None:
            implants = None
            if implant:
                spans = range_of("--size", size), range_of("--length", length)
                implants = Implants(*spans, course, expressions)  # type: ignore[arg-type]  # checked there
            rounds = seeds_of(implant_seeds, "--implant-seeds")
            plan = real_command.Plan(real, implants, rounds, keep, people, left_out)
            results = real_command.spot_real(plan, setup, out, jobs or cores(), progress)
        else:
            rendering = command.Rendering(numbers, seconds, rates, sweep, lively)
            results = command.spot_rendered(rendering, setup, out, jobs or cores(), progress)
    if as_json:
        print(json.dumps(results))
        return
    from offline.tables import print_rows

    said = command if real is None else real_command
    rows = said.lines(results)
    if rows:
        print_rows(f"{results['method']} on {results['source']} videos", tuple(rows[0]), rows)
    for line in said.sentences(results):
        print(line)
    say(f"written: {out}/results.json, events.csv, report.html")


def _intervals(intervals: Path, data: Path | None, layout: str | None, out: Path, as_json: bool) -> None:
    from offline.spotting import handed_in

    check_folder("--out", out)
    results = handed_in.score_intervals(intervals, data, layout, out)
    if as_json:
        print(json.dumps(results))
        return
    from offline.tables import print_rows

    rows = handed_in.lines(results)
    print_rows(f"{results['videos']} videos, labels: {results['source']}", tuple(rows[0]), rows)
    for note in results["notes"]:
        print(f"note: {note}")
    say(f"written: {out}/results.json, megc.csv, LOG_micro.txt, LOG_macro.txt")
