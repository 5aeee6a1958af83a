"""What a user may set: typed sections, defaults documented in configs/live.yaml, errors that name file and
line.

Three layers, the later wins: configs/live.yaml (it travels in the wheel), ``--config FILE`` (names only
what it changes), ``--set section.key=value``. An unknown key is an error, never ignored. What ``--set`` gives to a
setting that is a text is taken as it stands, whatever it looks like; to any other it is YAML, as in a file. The word
``null`` empties a text that may be empty, except a secret, which neither it nor an empty value ever switches off.
A path may begin with ``~``; in a file it is relative to the file's folder.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

import msgspec
import yaml

from engines.errors import InputError
from engines.face.settings import FaceSettings
from engines.files import at_home
from engines.spotting.settings import SpottingSettings
from realtime.redaction import HIDDEN, is_secret, shown_setting

_MOST_BYTES: Final = 1 << 20
_PATHS: Final = (
    *("spotting.model", "recognise.model", "recognise.keys", "recognise.server"),
    *("bus.keys", "bus.clients"),
)
_NULL: Final = "tag:yaml.org,2002:null"
_MOST_KEYS: Final = 1000  # a file of aliases can say billions in a few lines

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is asked of a camera; a file or URL brings its own size and rate."""

    fps: Annotated[float, msgspec.Meta(ge=1, le=2000)] = 200.0
    width: Annotated[int, msgspec.Meta(ge=64, le=8192)] = 640
    height: Annotated[int, msgspec.Meta(ge=64, le=8192)] = 480


class Ring(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The shared-memory ring between capture and its readers: how much time it holds."""

    seconds: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 0.5


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The public ZeroMQ socket: where it listens, how often it speaks, who may listen.

    ``queue`` is the high-water mark: messages held for one slow subscriber before it loses the newest.
    ``keys`` is the server's secret CURVE certificate, ``clients`` a folder with the public certificate of
    every client allowed.
    """

    endpoint: str = "tcp://127.0.0.1:5557"
    state_hz: Annotated[float, msgspec.Meta(gt=0, le=200)] = 20.0
    health_hz: Annotated[float, msgspec.Meta(gt=0, le=20)] = 1.0
    preview_hz: Annotated[float, msgspec.Meta(gt=0, le=60)] = 12.0
    queue: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 500
    keys: str | None = None
    clients: str | None = None


class Dashboard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The web page: where it is served and whether a browser is opened."""

    host: str = "127.0.0.1"
    port: Port = 8080
    open: bool = True
    token: str | None = None


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What ``--record DIR`` keeps: of each event, with ``session`` of everything; how much disk it may use."""

    before_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.5
    after_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.1
    kinds: list[Literal["micro", "macro", "blink"]] = msgspec.field(
        default_factory=lambda: ["micro", "macro"]
    )
    session: bool = False
    session_codec: Literal["jpeg", "png", "bmp"] = "jpeg"
    max_gb: Annotated[float, msgspec.Meta(gt=0)] = 100.0
    keep_free_mb: Annotated[float, msgspec.Meta(ge=0)] = 500.0


class Recognise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a spotted movement is measured and named.

    ``backend`` and ``preset`` choose the flow solver, ``model`` an ONNX file (null: the shipped one),
    ``runtime`` what runs it, on TensorRT in ``precision``; a class less probable than ``abstain_below`` is not named.
    ``at`` is the endpoint of an ``apexcam recognise`` that does all this on another machine, ``keys`` this program's
    secret CURVE certificate and ``server`` the public one of that machine.
    """

    backend: str = "auto"
    preset: str = "precise"
    model: str | None = None
    runtime: str = "auto"
    precision: Literal["fp32", "fp16"] = "fp32"
    abstain_below: Share = 0.45
    at: str | None = None
    keys: str | None = None
    server: str | None = None


class Supervise(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How often a process that died is started again before the run ends."""

    restarts_a_minute: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 5


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything, by section."""

    source: Source = Source()
    ring: Ring = Ring()
    faces: FaceSettings = FaceSettings()
    spotting: SpottingSettings = SpottingSettings()
    recognise: Recognise = Recognise()
    bus: Bus = Bus()
    dashboard: Dashboard = Dashboard()
    record: Record = Record()
    supervise: Supervise = Supervise()


def defaults_path() -> Path:
    """The documented defaults: configs/live.yaml of the checkout, or its copy in the installed package."""
    here = Path(__file__).resolve().parent
    for folder in (here / "configs", here.parent / "configs"):
        if (folder / "live.yaml").is_file():
            return folder / "live.yaml"
    raise InputError("configs/live.yaml is missing from this installation; install apexcam again")


def load(path: Path | str | None = None, settings: Sequence[str] = ()) -> Config:
    """The configuration from the defaults, an optional file (or a preset's name) and ``a.b=value`` settings.

    Raises InputError with file, line and what was expected.
    """
    layers = [_File(defaults_path())]
    if path is not None:
        layers.append(_File(_found(Path(path))))
    merged: dict[str, Any] = {}
    for layer in layers:
        _check_keys(Config, layer.tree, "", layer.where)
        _place(layer.tree, layer.path.parent)
        _merge(merged, layer.tree)
        _convert(merged, layer.where)
    for setting in settings:
        tree = _one_setting(setting)
        where = _Setting(setting)
        _check_keys(Config, tree, "", where)
        _place(tree, Path())
        _merge(merged, tree)
        _convert(merged, where)
    config = _convert(merged, layers[-1].where)
    try:
        msgspec.json.encode(config)  # as the report will
    except UnicodeEncodeError:
        raise InputError("a setting holds bytes that are not UTF-8; rename what it names") from None
    return config


def _found(path: Path) -> Path:
    """The file, or the preset of that name that came with the program."""
    preset = defaults_path().parent / path.name
    return preset if path.name == str(path) and not path.exists() and preset.is_file() else path


def dump(config: Config) -> dict[str, Any]:
    """The configuration as plain values, for reports and recordings. Secrets are left out."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    if plain["dashboard"].get("token"):
        plain["dashboard"]["token"] = "(set)"
    return plain


class _File:
    """One YAML file: its values, and the line on which each dotted key stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[str, int] = {}
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            if len(content) > _MOST_BYTES:
                raise InputError(f"{path}: larger than {_MOST_BYTES >> 10} KiB; this is no configuration")
            text = content.decode("utf-8")
        except OSError as error:
            raise InputError(f"{path}: cannot read the configuration: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not a text file in UTF-8") from None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            tree = {} if node is None else yaml.safe_load(text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{path}:{mark.line + 1}" if mark else str(path)
            raise InputError(f"{place}: not YAML: {getattr(error, 'problem', None) or error}") from None
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(f"{path}: not usable YAML: {error}") from None
        if node is not None:
            self._number(node, "")
        if not isinstance(tree, dict):
            raise InputError(f"{path}:1: expected sections such as 'source:', found {type(tree).__name__}")
        self.tree: dict[str, Any] = tree

    def _number(self, node: yaml.Node, prefix: str) -> None:
        if not isinstance(node, yaml.MappingNode) or prefix.count(".") > 8:
            return
        for key, value in node.value:
            dotted = f"{prefix}{key.value}"
            if dotted in self.lines:
                raise InputError(f"{self.path}:{key.start_mark.line + 1}: '{dotted}' is given twice")
            if len(self.lines) >= _MOST_KEYS:
                raise InputError(f"{self.path}: more than {_MOST_KEYS} keys; this is no configuration")
            self.lines[dotted] = key.start_mark.line + 1
            if is_secret(dotted) and isinstance(value, yaml.ScalarNode) and not value.value:
                raise InputError(
                    f"{self.path}:{key.start_mark.line + 1}: '{dotted}' is empty (what follows a # is a comment); "
                    "put quotes around it, or write null for none"
                )
            if is_secret(dotted) and value.tag != _NULL and _is_cut(value):
                raise InputError(
                    f"{self.path}:{key.start_mark.line + 1}: of '{dotted}' YAML takes what follows ' #' for a comment; "
                    "put quotes around the whole of it, or the comment on a line of its own"
                )
            self._number(value, f"{dotted}.")

    def where(self, dotted: str) -> str:
        """``file:line`` of a key, or of the nearest section that holds it."""
        while dotted:
            if dotted in self.lines:
                return f"{self.path}:{self.lines[dotted]}"
            dotted = dotted.rpartition(".")[0]
        return str(self.path)


def _is_cut(value: yaml.Node) -> bool:
    """Whether a comment follows a text that stands without quotes."""
    plain = isinstance(value, yaml.ScalarNode) and value.style is None
    rest = value.end_mark.buffer[value.end_mark.pointer :].partition("\n")[0] if plain else ""
    return rest.lstrip().startswith("#")


class _Setting:
    """Where a ``--set`` came from, for its error."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, dotted: str) -> str:
        return f"--set {shown_setting(self.text)}"


def _one_setting(text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    parts = name.strip().split(".")
    if not equals or not all(parts):
        raise InputError(
            f"--set {shown_setting(text)}: expected section.key=value, for example --set source.fps=60"
        )
    tree: Any = _leaf(parts, value)
    for part in reversed(parts):
        tree = {part: tree}
    return dict(tree)


def _leaf(parts: list[str], value: str) -> Any:
    """What a ``--set`` gives: a text as it stands, anything else as YAML reads it."""
    kind = _kind(parts)
    text = kind in (str, str | None)
    if text and is_secret(parts[-1]):
        _check_secret(".".join(parts), value)
    elif kind == str | None and value == "null":
        return None
    if text or get_origin(kind) is Literal:
        return value
    try:
        return yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        return value


def _check_secret(dotted: str, value: str) -> None:
    """Refuses what could be meant otherwise. Raises InputError."""
    told = f"--set {dotted}={HIDDEN}"
    if value in ("", "null"):
        raise InputError(
            f"{told}: no {dotted} at all; leave the setting out where none is wanted, or give one"
        )
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        raise InputError(f"{told}: the quotes would be part of it; leave them out, it is taken as it stands")


def _kind(parts: list[str]) -> Any:
    """The type of a setting; None where there is none of that name."""
    kind: Any = Config
    for part in parts:
        kind = (_fields(kind) or {}).get(part)
    return kind


def _fields(kind: Any) -> dict[str, Any] | None:
    """Field names and types of a section; None for anything that has no fields."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.name: field.type for field in msgspec.structs.fields(kind)}
    return None


def _check_keys(kind: Any, tree: Any, prefix: str, where: Any) -> None:
    known = _fields(kind)
    if known is None or not isinstance(tree, dict):
        return
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f" (did you mean '{prefix}{close[0]}'?)" if close else ""
            raise InputError(f"{where(dotted)}: unknown key '{dotted}'{hint}; known: {', '.join(known)}")
        if _fields(known[key]) is not None and not isinstance(value, dict):
            raise InputError(
                f"{where(dotted)}: '{dotted}' is a section; give {dotted}.<key>, known: {_names(known[key])}"
            )
        _check_keys(known[key], value, f"{dotted}.", where)


def _place(tree: dict[str, Any], folder: Path) -> None:
    """Makes the paths in it what they are seen from ``folder``. Raises InputError without a home."""
    for dotted in _PATHS:
        section, _, name = dotted.partition(".")
        inside = tree.get(section)
        if isinstance(inside, dict) and isinstance(path := inside.get(name), str):
            inside[name] = str(folder / at_home(path))


def _names(kind: Any) -> str:
    return ", ".join(_fields(kind) or ())


def _merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value


def _convert(tree: dict[str, Any], where: Any) -> Config:
    try:
        return msgspec.convert(tree, Config)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        dotted = place.rstrip("`").split("[")[0].lstrip(".")
        subject = f"'{dotted}': " if dotted else ""
        hint = ""
        if "str" in text.partition("got")[0] and re.search(r"got `(int|float|bool|date)", text):
            hint = ": what looks like a number or a date is a text only in quotes"
        raise InputError(f"{where(dotted)}: {subject}{text[:1].lower()}{text[1:]}{hint}") from None


def every_key(kind: Any = Config, prefix: str = "") -> Iterator[str]:
    """Every dotted key there is."""
    for name, kind_of in (_fields(kind) or {}).items():
        if _fields(kind_of) is None:
            yield f"{prefix}{name}"
        else:
            yield from every_key(kind_of, f"{prefix}{name}.")
