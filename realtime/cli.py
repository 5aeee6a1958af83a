"""The command ``apexcam``."""

import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from engines.command import Commands, begin
from engines.errors import InputError
from engines.files import check_folder
from engines.installation import check_opencv
from engines.version import HELP_NAMES, common

app = typer.Typer(
    name="apexcam",
    help="Sees micro-expressions as they happen. Start with: apexcam live demo",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings=HELP_NAMES,
)
app.callback()(common)

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML that names what differs from configs/live.yaml."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="One setting, for example source.fps=60; repeat it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def _check_finite(**given: float | None) -> None:
    """Raises InputError for a number that is none, or has no end."""
    for name, value in given.items():
        if value is not None and not math.isfinite(value):
            raise InputError(f"--{name} {value}: must be a number")


@app.command()
def live(
    source: Annotated[
        list[str],
        typer.Argument(
            help="Camera index or device, URL, video file, image folder, or demo; several run side by side."
        ),
    ],
    config: ConfigFile = None,
    set_: Settings = None,
    duration: Annotated[float | None, typer.Option(metavar="S", help="Stop after so many seconds.")] = None,
    pace: Annotated[
        float | None,
        typer.Option(metavar="FPS", help="Play a recording or the demo this fast; default its own."),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="FPS", help="What a recording was filmed at, where it does not say so or says it wrongly."
        ),
    ] = None,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="No web page.")] = False,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Keep the frames of each event here; with --set record.session=true every frame.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="F.json", help="Write what was measured at the end.")
    ] = None,
    lsl: Annotated[
        bool, typer.Option("--lsl", help="Events as markers of the Lab Streaming Layer too (apexcam[lsl]).")
    ] = False,
) -> None:
    """Recognise micro-expressions live, from a camera or anything else that has frames.

    Publishes events on the bus (see apexcam subscribe) until the source ends or Ctrl-C.

    Example: apexcam live 0 --set source.fps=120 --report run.json
    """
    check_opencv()
    from realtime import config as configuration
    from realtime.live import coordinator as run
    from realtime.live.terminal import open_screen
    from realtime.sources import check_wishes

    _check_finite(duration=duration, pace=pace, fps=fps)
    check_wishes(source, set_ or (), pace=pace, rate=fps)
    loaded = configuration.load(config, set_ or ())
    options = run.Options(
        sources=tuple(source),
        config=loaded,
        duration_s=duration,
        pace=pace,
        rate=fps,
        dashboard=not no_dashboard,
        record=record,
        report=report,
        lsl=lsl,
    )
    code = run.run(options, open_screen(len(source)))
    raise typer.Exit(code)


@app.command()
def subscribe(
    endpoint: Annotated[str, typer.Option(help="Where the program publishes.")] = "tcp://127.0.0.1:5557",
    topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="T", help="event, state, health, preview, or a whole topic; repeat it. Default: event."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Stop after so many messages.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Give up when no message came for so many seconds.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the JSON Schema of all messages.")] = False,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="This client's secret CURVE certificate.")
    ] = None,
    server: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The server's public CURVE certificate.")
    ] = None,
) -> None:
    """Print what a running apexcam publishes: one JSON object a line, readable on a terminal.

    Example: apexcam subscribe --topic event --count 1
    """
    import msgspec

    from realtime.client import Subscriber, json_schema

    _check_finite(timeout=timeout)
    if schema:
        print(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode())
        return
    show = _pretty() if sys.stdout.isatty() else _line
    with Subscriber(endpoint, topic or ["event"], keys=keys, server=server, timeout_s=timeout) as messages:
        try:
            for number, message in enumerate(messages, start=1):
                show(message)
                if number == count:
                    return
        except TimeoutError:
            raise InputError(
                f"{endpoint}: no message within {timeout:g} s; is apexcam live running, and on this endpoint?"
            ) from None


def _line(message: Any) -> None:
    import msgspec

    sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
    sys.stdout.flush()


def _pretty() -> Callable[[Any], None]:
    from rich.console import Console

    from realtime import messages
    from realtime.live.terminal import event_line

    console = Console(highlight=False)

    def show(message: Any) -> None:
        match message:
            case messages.Event():
                wall = (message.apex.wall or "")[11:23]
                console.print(
                    f"{wall} {message.camera}  {event_line(message, None, rendered=False)}", markup=False
                )
            case messages.State():
                faces = ", ".join(f"{face.status} {face.phase}" for face in message.faces) or "no face"
                console.print(
                    f"{message.camera}  frame {message.at.frame}  {message.fps:.0f} fps  {faces}",
                    markup=False,
                )
            case messages.Health():
                console.print(
                    f"{message.camera}  {message.status}  {message.delivered_fps:g}/{message.requested_fps:g} fps  "
                    f"captured {message.captured}  lost {message.lost_driver}+{message.lost_ring}  "
                    f"events {message.events}",
                    markup=False,
                )
            case messages.Preview():
                about = f"  of {message.event_id}: {', '.join(message.pictures)}" if message.event_id else ""
                console.print(
                    f"{message.camera}  picture of frame {message.at.frame}, {len(message.jpeg)} bytes{about}",
                    markup=False,
                )

    return show


@app.command()
def recognise(
    endpoint: Annotated[str, typer.Option(help="Where it listens.")] = "tcp://127.0.0.1:5558",
    config: ConfigFile = None,
    set_: Settings = None,
) -> None:
    """Recognise for programs on other machines, which are given --set recognise.at=ENDPOINT; until Ctrl-C.

    Off loopback it wants bus.keys and bus.clients, see apexcam keys.

    Example: apexcam recognise --endpoint tcp://0.0.0.0:5558 --set bus.keys=server.key_secret --set bus.clients=clients
    """
    check_opencv()
    from realtime import config as configuration
    from realtime.stages import remote
    from realtime.stages.recogniser import Recogniser

    loaded = configuration.load(config, set_ or ())
    made = Recogniser(loaded.recognise)
    what = f"{made.flow.backend} {made.flow.preset}, {made.model.name} on {made.model.runtime}"
    remote.serve(
        made, endpoint, loaded.bus, lambda where: print(f"recognising at {where}: {what}", flush=True)
    )


@app.command()
def keys(
    client: Annotated[
        list[str] | None, typer.Argument(metavar="[CLIENT]...", help="A name for each client to be let in.")
    ] = None,
    dir_: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Where the keys are kept; default your own.")
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option(metavar="CLIENT", help="Take a client off the list; it holds from the next start."),
    ] = None,
) -> None:
    """Make the keys with which a program publishes off its machine, encrypted, to the clients named and nobody else.

    Example: apexcam keys --dir keys desk-in-room-12
    """
    from realtime.bus import keys as certificates

    path = dir_ or certificates.default_folder()
    if remove is not None:
        certificates.remove(path, remove)
    folder = certificates.make(path, client or [])
    print(
        f"publish:  apexcam live 0 --set bus.endpoint=tcp://0.0.0.0:5557 --set bus.keys={folder.secret} "
        f"--set bus.clients={folder.clients}"
    )
    for name in client or []:
        print(f"{name}: move {folder.client(name)} to its machine, copy {folder.public} there, then")
        print(
            f"  apexcam subscribe --endpoint tcp://THIS-MACHINE:5557 --keys {name}.key_secret --server server.key"
        )
    print(f"allowed: {', '.join(folder.allowed()) or 'nobody yet: apexcam keys NAME'}")


@app.command()
def analyze(
    video: Annotated[str, typer.Argument(help="A video, or a folder of images.")],
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Where events.jsonl, events.csv, events.eaf and report.html go."),
    ],
    config: ConfigFile = None,
    set_: Settings = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="FPS",
            min=0.1,
            help="What it was filmed at, where it does not say so (images) or says it wrongly.",
        ),
    ] = None,
    frames: Annotated[int | None, typer.Option(metavar="N", min=1, help="Stop after so many frames.")] = None,
    pictures: Annotated[
        bool,
        typer.Option("--pictures/--no-pictures", help="Whether report.html shows faces, as small pictures."),
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Find and name the micro-expressions of a recording: every frame, as fast as it can.

    A truncated or damaged video is analysed as far as it can be read, then said, with exit status 2. The folder of an
    event made by apexcam live --record is recognised again under its recorded settings (or those given here) and
    compared.

    Example: apexcam analyze interview.mp4 --out interview
    """
    check_opencv()
    import msgspec

    from realtime import config as configuration
    from realtime.analysis import analyze as analysis
    from realtime.recording import recorded
    from realtime.sources import check_wishes

    _check_finite(fps=fps)
    check_wishes([video], set_ or ())
    loaded = configuration.load(config, set_ or ())
    check_folder("--out", out)
    if recorded.is_recorded(video) and fps is None and frames is None:
        about, _ = recorded.read(video)
        asked = config is not None or bool(set_)
        made = analysis.analyse_recorded(video, loaded.recognise if asked else recorded.settings(about))
    else:
        source = analysis.open_recording(video, fps=fps, frames=frames, wish=loaded.source)
        try:
            with _progress(frames or source.info.frames) as step:
                made = analysis.analyse(source, loaded, frames=frames, step=step)
        finally:
            source.close()
    written = analysis.write(made, out, pictures=pictures)
    told = made.summary()
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        events = ", ".join(f"{count} {kind}" for kind, count in told["events"].items())
        print(
            f"{told['frames']} frames ({told['seconds']:.2f} s) in {told['took_s']:.1f} s: {events}; "
            f"{', '.join(str(path) for path in written)}"
        )
        for line in filter(None, (made.seen.problem(), *made.again, made.info.advice)):
            print(line)
    if made.problem:
        raise InputError(made.problem)


@contextlib.contextmanager
def _progress(total: int | None) -> Iterator[Callable[[int, float], None]]:
    """A progress bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, at_s: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("analyze"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("frames", total=total)

        def step(done: int, at_s: float) -> None:
            if done % 8 == 0:
                progress.update(task, completed=done)

        yield step


@app.command()
def cameras(
    measure: Annotated[
        float, typer.Option(metavar="S", min=0.0, help="Measure each size for so many seconds; 0: list only.")
    ] = 2.0,
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: AsJson = False,
) -> None:
    """What is plugged in, what it promises and what it really delivers, size by size.

    Example: apexcam cameras --measure 5
    """
    check_opencv()
    import msgspec

    from realtime import config as configuration
    from realtime.sources import cameras as plugged

    _check_finite(measure=measure)
    wish = configuration.load(config, set_ or ()).source
    rows = [_camera_row(device, wish, measure, _told) for device in plugged.list_cameras()]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    if not rows:
        print("no camera is plugged in; apexcam live takes a video, an image folder, a URL or demo as well")
        return
    _print(_camera_table(rows))


def _told(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


def _camera_table(rows: list[dict[str, Any]]) -> Any:
    """A line for each size of each camera: what is promised, granted, delivered."""
    from rich.text import Text

    table = _table(
        "camera", "name", "size", "promised", "granted", "delivered", "jitter p99", "lost", "advice"
    )
    for row in rows:
        who = (str(row["index"]), row["name"])
        for mode in row["measured_modes"] or [{}]:
            size = f"{mode['width']}x{mode['height']}" if mode else row["modes"]
            promised = f"{mode['promised_fps']:g} fps" if mode.get("promised_fps") else ""
            cells: tuple[str, ...] = ("", "", "", "")
            if mode.get("granted"):
                jitter = f"{mode['jitter_p99_ms']:g} ms"
                cells = (mode["granted"], f"{mode['delivered_fps']:g} fps", jitter, str(mode["gaps"]))
            table.add_row(*map(Text, (*who, size, promised, *cells, mode.get("advice", row["advice"]))))
            who = ("", "")
    return table


def _camera_row(
    device: Any, wish: Any, seconds: float, told: Callable[[str], None] = lambda text: None, **how: Any
) -> dict[str, Any]:
    """A camera: the size wished first, then every other size it has; all measured unless ``seconds`` is 0."""
    from realtime.sources import cameras as plugged

    best: dict[str, float] = {}
    for mode in device.modes:
        name = f"{mode.fourcc} {mode.width}x{mode.height}".strip()
        best[name] = max(best.get(name, 0.0), mode.fps)
    row: dict[str, Any] = {
        "index": device.index,
        "path": device.path,
        "name": device.name,
        "modes": ", ".join(f"{name} {fps:g}" for name, fps in best.items()),
        "holders": list(device.holders),
        "granted": None,
        "delivered_fps": None,
        "jitter_p99_ms": None,
        "gaps": None,
        "advice": "",
        "measured_modes": [],
    }
    if seconds <= 0:
        return row
    there = plugged.sizes(device)
    wished = (wish.width, wish.height, wish.fps)
    for size in [wished, *(one for one in there if one[:2] != wished[:2])]:
        told(f"measuring {device.name} at {size[0]}x{size[1]}")
        found = plugged.measure_size(device, size, seconds, **how)
        mode = {
            "width": size[0],
            "height": size[1],
            "promised_fps": next((fps for *place, fps in there if tuple(place) == size[:2]), 0.0),
            "granted": None,
            "delivered_fps": None,
            "jitter_p99_ms": None,
            "gaps": None,
            "advice": found.advice,
        }
        if found.granted is not None and found.measured is not None:
            granted, measured = found.granted, found.measured
            mode |= {
                "granted": f"{granted.fourcc} {granted.width}x{granted.height} {granted.fps:g} fps".strip(),
                "delivered_fps": round(measured.fps, 2),
                "jitter_p99_ms": round(measured.jitter_p99_ms, 2),
                "gaps": measured.gaps,
            }
        row["measured_modes"].append(mode)
        if found.granted is None and size == wished:
            # In use or not permitted: every other size would say so again.
            break
    first = row["measured_modes"][0]
    row |= {name: first[name] for name in ("granted", "delivered_fps", "jitter_p99_ms", "gaps", "advice")}
    return row


@app.command()
def doctor(
    config: ConfigFile = None,
    set_: Settings = None,
    as_json: AsJson = False,
) -> None:
    """What this machine can run: landmarks, watching, flow, network, shared memory and ports, timed.

    Exit status 1 when something is broken.

    Example: apexcam doctor --json
    """
    import msgspec

    from realtime.machine import doctor as examination

    findings = examination.installation() or _examined(config, set_)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(findings), indent=2).decode())
    else:
        _print(_doctor_table(findings))
    if any(one.verdict == "broken" for one in findings):
        raise typer.Exit(1)


def _examined(config: Path | None, set_: list[str] | None) -> list[Any]:
    from realtime import config as configuration
    from realtime.machine import doctor as examination

    loaded = configuration.load(config, set_ or ())
    if not sys.stderr.isatty():
        return examination.examine(loaded)
    from rich.console import Console

    with Console(stderr=True).status("looking") as status:
        return examination.examine(loaded, heard=lambda name: status.update(f"looking at {name}"))


def _doctor_table(findings: list[Any]) -> Any:
    from rich.text import Text

    table = _table("", "what", "found", "ms p50", "ms p99", "advice")
    for one in findings:
        colour = {"ok": "green", "slow": "yellow", "missing": "yellow", "broken": "red"}[one.verdict]
        times = ("" if ms is None else f"{ms:.2f}" for ms in (one.ms_p50, one.ms_p99))
        table.add_row(Text(one.verdict, style=colour), *map(Text, (one.what, one.found, *times, one.advice)))
    return table


@app.command()
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
    import msgspec

    from realtime.machine import load

    _check_finite(seconds=seconds, endurance=endurance)
    if endurance is not None:
        result = load.endure(endurance, heard=lambda sample: _told(_sample_line(sample)))
        told: Any = load.plain(result)
    else:
        rows = []
        for case in load.CASES:
            _told(f"{case.cameras} x {case.fps:g} fps, {case.subscribers} subscribers: {seconds:g} s")
            rows.append(load.measure(case, seconds))
        told = [load.plain(row) for row in rows]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
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
        _print(_load_table(rows))
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
    table = _table(*names, "cpu %", "subscribers", "each heard", "stuck one lost", "ms told p99")
    for row in rows:
        watched = row.capture_to_watched_ms
        cpu = " ".join(f"{name} {share:.0f}" for name, share in row.cpu.items())
        heard = f"{row.heard[0]}" if row.heard[0] == row.heard[1] else f"{row.heard[0]}-{row.heard[1]}"
        skipped = f"{row.skipped}{' (said)' if row.skipped_said else ''}"
        cells = (row.cameras, f"{row.fps:g}", row.delivered_fps, row.watched_fps, skipped)
        times = (f"{watched[name]:.1f}" for name in ("p50", "p99", "max"))
        rest = (cpu, row.subscribers, heard, row.dropped, f"{row.told_ms['p99']:.1f}")
        table.add_row(*map(str, (*cells, *times, *rest)))
    return table


def _table(*names: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, justify="right" if name.startswith("ms ") else "left", overflow="fold")
    return table


def _print(table: Any) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if console.is_terminal:
        console.print(table)
        return
    # In a file or a pipe there is no edge to wrap at.
    console = Console(highlight=False, width=400)
    with console.capture() as taken:
        console.print(table)
    print("\n".join(line.rstrip() for line in taken.get().splitlines() if line.strip()))


def main() -> None:
    """The console command."""
    from realtime.redaction import hide_arguments

    begin()
    hide_arguments()
    app()


if __name__ == "__main__":
    main()
