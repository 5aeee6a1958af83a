"""Subscribe to a running apexcam from Python.

    from realtime.client import Subscriber

    with Subscriber(topics=["event"]) as events:
        for event in events:
            print(event.label, event.probabilities)

Other languages subscribe with a ZeroMQ SUB socket: multipart ``[topic, payload]``, see `realtime.bus.publisher`, the
payload described by `json_schema`.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
import zmq

from engines.errors import InputError
from realtime import messages
from realtime.bus import marks
from realtime.bus.keys import load_public, load_secret

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5557"


class Subscriber:
    """Typed messages from a running program.

    ``topics`` are subjects (``event``, ``state``, ``health``, ``preview``) or whole topics; by default all subjects
    but preview. ``camera`` narrows subjects to one camera. ``latest`` keeps only the newest state, health and preview
    of each camera when the reader is slow; every event is always kept. ``timeout_s`` bounds each wait of the
    iteration, which then raises TimeoutError. ``keys`` is this client's secret CURVE certificate, ``server`` the
    server's public one.

    Reconnects by itself after a restart of the program. Raises InputError for a bad endpoint, topic or certificate.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        topics: Sequence[str] = ("event", "state", "health"),
        *,
        camera: str | None = None,
        timeout_s: float | None = None,
        latest: bool = False,
        keys: Path | str | None = None,
        server: Path | str | None = None,
    ) -> None:
        self.timeout_s = timeout_s
        self.latest = latest
        self.rejected = 0
        self._waiting: list[tuple[str, bytes]] = []
        self._decoders = {name: msgspec.msgpack.Decoder(kind) for name, kind in messages.SUBJECTS.items()}
        prefixes, self._subjects = _prefixes(topics, camera)
        self._previews = messages.topic("*", "preview") in prefixes
        self._camera = camera
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.rcvhwm = 1000
        self._socket.reconnect_ivl = 100
        self._socket.reconnect_ivl_max = 2000
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 20000)
        if "[" in endpoint:
            self._socket.ipv6 = True
        with _closed_on_error(self, endpoint):
            if keys is not None or server is not None:
                _secure(self._socket, keys, server)
            for prefix in prefixes:
                self._socket.subscribe(prefix)
            self._socket.connect(endpoint)

    def want_previews(self, wanted: bool) -> None:
        """Turns previews of every camera on or off for this subscriber.

        They are on from the start if ``preview`` is among the topics. Pictures of events come either way.
        """
        if wanted != self._previews:
            self._previews = wanted
            all_previews = messages.topic("*", "preview")
            if wanted:
                self._socket.subscribe(all_previews)
            else:
                self._socket.unsubscribe(all_previews)

    def receive(self, timeout_s: float | None = None) -> messages.Message | None:
        """The next message, or None if none came within ``timeout_s`` seconds (None waits for ever)."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            raw = self._next(left)
            if raw is None:
                return None
            message = self._decode(*raw)
            if message is not None:
                return message

    def _next(self, timeout_s: float | None) -> tuple[str, bytes] | None:
        if self._waiting:
            return self._waiting.pop(0)
        if not self._socket.poll(None if timeout_s is None else round(timeout_s * 1000)):
            return None
        self._waiting.append(self._take())
        while self.latest and self._socket.poll(0):
            name, payload = self._take()
            if not name.endswith(".event"):
                self._waiting = [kept for kept in self._waiting if kept[0] != name]
            self._waiting.append((name, payload))
        return self._waiting.pop(0)

    def _take(self) -> tuple[str, bytes]:
        parts = self._socket.recv_multipart()
        return parts[0].decode("utf-8", "replace"), parts[-1]

    def _decode(self, name: str, payload: bytes) -> messages.Message | None:
        root, _, rest = name.removeprefix(messages.TOPIC_ROOT).partition(".")
        camera, _, subject = rest.rpartition(".")
        if root or not name.startswith(messages.TOPIC_ROOT) or subject not in self._decoders:
            self.rejected += 1
            return None
        if subject not in self._subjects or (self._camera is not None and camera != self._camera):
            return None
        try:
            message: messages.Message = self._decoders[subject].decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.rejected += 1
            return None
        return message

    def __iter__(self) -> Iterator[messages.Message]:
        while True:
            message = self.receive(self.timeout_s)
            if message is None:
                raise TimeoutError(f"no message for {self.timeout_s} s")
            yield message

    def close(self) -> None:
        """Disconnects. Idempotent."""
        self._socket.close(linger=0)
        self._context.term()

    def __enter__(self) -> "Subscriber":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Marker:
    """Marks stimuli in a running program: each event then has the newest marker before it and the time since.

    Raises InputError for a bad endpoint or certificate, and if no program publishes there within ``timeout_s``.
    """

    def __init__(
        self,
        endpoint: str = DEFAULT_ENDPOINT,
        *,
        keys: Path | str | None = None,
        server: Path | str | None = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.XSUB)
        self._socket.linger = 1000
        if "[" in endpoint:
            self._socket.ipv6 = True
        with _closed_on_error(self, endpoint):
            if keys is not None or server is not None:
                _secure(self._socket, keys, server)
            self._socket.connect(endpoint)
            # A new subscription gets the newest health, which proves the connection.
            topic = messages.TOPIC_ROOT.encode()
            self._socket.send(b"\x01" + topic)
            if not self._socket.poll(round(timeout_s * 1000)):
                raise InputError(
                    f"{endpoint}: no program publishes there; is apexcam live running, and on this endpoint?"
                )
            self._socket.send(b"\x00" + topic)

    def mark(self, text: str, *, wall_ns: int | None = None) -> None:
        """Marks a stimulus shown now, or at ``wall_ns`` (`time.time_ns`). Raises InputError for an unusable text."""
        if not marks.is_text(text):
            raise InputError(f"a marker is 1 to {marks.LONGEST} printable characters, not {text[:40]!r}")
        self._socket.send(marks.encode(text, time.time_ns() if wall_ns is None else wall_ns))

    def close(self) -> None:
        """Sends what is queued, for a second at most, and disconnects. Idempotent."""
        self._socket.close()
        self._context.term()

    def __enter__(self) -> "Marker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def _closed_on_error(client: Subscriber | Marker, endpoint: str) -> Iterator[None]:
    """Nothing stays open of a client that cannot connect. Raises InputError for what is no endpoint."""
    try:
        yield
    except zmq.ZMQError as error:
        client.close()
        raise InputError(
            f"{endpoint}: not an endpoint ({error.strerror}); expected for example {DEFAULT_ENDPOINT}"
        ) from None
    except BaseException:
        client.close()
        raise


def _secure(socket: "zmq.Socket[bytes]", keys: Path | str | None, server: Path | str | None) -> None:
    """Encrypts a client's socket. Raises InputError if a certificate is missing or unusable."""
    if keys is None or server is None:
        raise InputError(
            "CURVE needs both: keys (this client's secret certificate) and server (its public one)"
        )
    public, secret = load_secret(keys, "keys")
    server_public = load_public(server, "server")
    socket.curve_publickey, socket.curve_secretkey = public, secret
    socket.curve_serverkey = server_public


def _prefixes(topics: Sequence[str], camera: str | None) -> tuple[list[str], set[str]]:
    """The ZeroMQ subscriptions for the requested topics, and their subjects."""
    prefixes, subjects = [], set()
    for topic in topics:
        subject = topic.rpartition(".")[2]
        if subject not in messages.SUBJECTS or (
            topic != subject and not topic.startswith(messages.TOPIC_ROOT + ".")
        ):
            known = ", ".join(messages.SUBJECTS)
            raise InputError(
                f"topic '{topic}': unknown; give one of {known}, or {messages.topic('CAMERA', 'event')}"
            )
        subjects.add(subject)
        if topic != subject:
            prefixes.append(topic)
        elif camera is not None:
            prefixes.append(messages.topic(camera, subject))
        else:
            # The camera precedes the subject, so all cameras means all topics, filtered on this side; the second
            # subscription makes the bus produce previews.
            prefixes += [messages.TOPIC_ROOT + ".", messages.topic("*", subject)]
    return sorted(set(prefixes)), subjects


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of every message, by subject: the wire format for other languages."""
    kinds = list(messages.SUBJECTS.values())
    references, components = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "apexcam bus messages",
        "description": messages.__doc__,
        "topics": {
            messages.topic("CAMERA", subject): reference
            for subject, reference in zip(messages.SUBJECTS, references, strict=True)
        },
        "$defs": components,
    }
