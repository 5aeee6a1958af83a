"""The sections of the configuration with their defaults; configs/live.yaml documents them."""

from typing import Annotated, Literal

import msgspec

from engines.face.settings import FaceSettings
from engines.spotting.settings import SpottingSettings

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Frame size (pixels) and rate (frames a second) requested from a camera; a file or URL has its own."""

    fps: Annotated[float, msgspec.Meta(ge=1, le=2000)] = 200.0
    width: Annotated[int, msgspec.Meta(ge=64, le=8192)] = 640
    height: Annotated[int, msgspec.Meta(ge=64, le=8192)] = 480


class Ring(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The shared-memory ring between capture and its readers, and how many seconds of frames it holds."""

    seconds: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 0.5


class Bus(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The public ZeroMQ socket: its endpoint, the rates of its topics, and the clients allowed.

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
    """The web page: its address, its token, and whether a browser is opened."""

    host: str = "127.0.0.1"
    port: Port = 8080
    open: bool = True
    token: str | None = None


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What ``--record DIR`` keeps of each event, or of everything with ``session``, and how much disk it may use."""

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
    """How the flow of a spotted movement is measured and classified.

    ``backend`` and ``preset`` choose the flow solver, ``model`` the ONNX file (null: the shipped one), ``runtime``
    what runs it, on TensorRT in ``precision``. A prediction less probable than ``abstain_below`` is an abstention.
    ``at`` is the endpoint of an ``apexcam recognise`` that does all this on another machine, ``keys`` this program's
    secret CURVE certificate and ``server`` that machine's public one.
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
    """How often a process that died is restarted before the run ends."""

    restarts_a_minute: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 5


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole configuration, by section."""

    source: Source = Source()
    ring: Ring = Ring()
    faces: FaceSettings = FaceSettings()
    spotting: SpottingSettings = SpottingSettings()
    recognise: Recognise = Recognise()
    bus: Bus = Bus()
    dashboard: Dashboard = Dashboard()
    record: Record = Record()
    supervise: Supervise = Supervise()
