"""The public socket: every message of the running program, for any number of subscribers.

Multipart ``[topic, payload]``, payload msgpack of `realtime.messages`; the same messages as JSON under
``json.<topic>`` while that has subscribers. A late subscriber gets the newest state and health at once (others may
see them twice). Previews are made only while they have subscribers by name: a topic that names its camera, or
``apexcam.v1.*.preview`` for every camera. A slow subscriber loses messages, which are counted, and delays nobody.
"""

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import zmq
from zmq.auth.thread import ThreadAuthenticator

from engines.errors import InputError
from realtime import config, messages
from realtime.bus import keys, marks
from realtime.loopback import is_loopback_host

JSON_ROOT = "json."
_KEPT = (messages.State, messages.Health)
_ZAP_DOMAIN = "apexcam"
_MAX_MARKS = 1000  # between two turns of the loop


def is_loopback(endpoint: str) -> bool:
    """Whether only this machine can connect: ipc, or tcp bound to a loopback address."""
    if endpoint.startswith(("ipc://", "inproc://")):
        return True
    try:
        return is_loopback_host(urlsplit(endpoint).hostname or "")
    except ValueError:
        return False


def authenticate(
    context: "zmq.Context[zmq.Socket[bytes]]",
    socket: "zmq.Socket[bytes]",
    endpoint: str,
    settings: config.Bus,
    setting: str,
) -> ThreadAuthenticator | None:
    """Restricts the socket to encrypted connections of clients on the allow-list.

    On loopback without keys it accepts everybody and returns None; otherwise the returned authenticator must be
    stopped when the socket is closed. Raises InputError for unusable keys, or missing ones off loopback.
    """
    if settings.keys is None and is_loopback(endpoint):
        return None
    if settings.keys is None or settings.clients is None:
        raise InputError(
            f"{setting} {endpoint}: reachable from other machines; give bus.keys (secret CURVE certificate) and "
            "bus.clients (folder of public certificates), which apexcam keys makes, or bind 127.0.0.1"
        )
    clients = Path(settings.clients)
    public_key, secret_key = keys.load_secret(Path(settings.keys), "bus.keys")
    if not any(clients.glob("*.key")):
        raise InputError(
            f"bus.clients {clients}: no client certificate (*.key) there, so no client could connect"
        )
    guard = ThreadAuthenticator(context)
    guard.start()
    try:
        guard.configure_curve(domain=_ZAP_DOMAIN, location=str(clients))
    except (OSError, ValueError, LookupError) as error:
        guard.stop()
        raise InputError(f"bus.clients {clients}: not all are CURVE certificates: {error}") from None
    # The dashboard of this run subscribes with the run's own key.
    guard.certs.setdefault(_ZAP_DOMAIN, {})[public_key] = True
    socket.setsockopt_string(zmq.ZAP_DOMAIN, _ZAP_DOMAIN)
    # Nobody connects unless the authenticator answers.
    socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
    socket.curve_publickey = public_key
    socket.curve_secretkey = secret_key
    socket.curve_server = True
    return guard


def bind(socket: "zmq.Socket[bytes]", endpoint: str, setting: str) -> str:
    """Binds the socket and returns the endpoint with its real port. Raises InputError naming the setting."""
    if "[" in endpoint:
        socket.ipv6 = True
    port = endpoint.rpartition(":")[2]
    if port.isdigit() and int(port) > 65535:
        raise InputError(f"{setting} {endpoint}: a port is at most 65535")
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise InputError(_bind_error(setting, endpoint, error)) from None
    return socket.getsockopt_string(zmq.LAST_ENDPOINT)


class Bus:
    """Binds the endpoint and publishes. Not thread-safe.

    Raises InputError if the endpoint is invalid, taken, or off loopback without keys.
    """

    def __init__(self, settings: config.Bus) -> None:
        self.dropped: Counter[str] = Counter()
        self._context = zmq.Context()
        self._guard: ThreadAuthenticator | None = None
        self._prefixes: Counter[bytes] = Counter()
        self._newest: dict[str, messages.Message] = {}
        self._marks: list[marks.Arrived] = []
        self._msgpack = msgspec.msgpack.Encoder()
        self._json = msgspec.json.Encoder()
        self.socket = self._context.socket(zmq.XPUB)
        try:
            self._open(settings)
        except BaseException:
            self.close(linger_ms=0)
            raise

    def _open(self, settings: config.Bus) -> None:
        socket = self.socket
        socket.linger = 0
        socket.sndhwm = settings.queue
        # Every subscribe and unsubscribe is reported, so that a new subscriber to a known topic is noticed.
        socket.setsockopt(zmq.XPUB_VERBOSER, 1)
        socket.setsockopt(zmq.XPUB_NODROP, 1)
        # Subscribers send nothing but their topics and markers.
        socket.setsockopt(zmq.MAXMSGSIZE, 4096)
        socket.setsockopt(zmq.HEARTBEAT_IVL, 5000)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 20000)
        self._guard = authenticate(self._context, socket, settings.endpoint, settings, "bus.endpoint")
        self.endpoint = bind(socket, settings.endpoint, "bus.endpoint")

    def publish(self, message: messages.Message) -> None:
        """Sends one message to its subscribers; never blocks."""
        subject = messages.subject_of(message)
        topic = messages.topic(message.camera, subject)
        if isinstance(message, _KEPT):
            self._newest[topic] = message
        self._send(topic, subject, message)
        if self._json_wanted(topic):
            self._send(JSON_ROOT + topic, subject, message)

    def wanted(self, camera: str, subject: str) -> bool:
        """Whether this topic has subscribers by name, in either encoding."""
        topic, all_cameras = messages.topic(camera, subject), messages.topic("*", subject)
        shortest = len(messages.TOPIC_ROOT) + 1
        for raw in self._prefixes:
            prefix = raw.decode("utf-8", "replace").removeprefix(JSON_ROOT)
            if prefix == all_cameras or (len(prefix) > shortest and topic.startswith(prefix)):
                return True
        return False

    @property
    def subscriptions(self) -> int:
        """Current subscriptions of all subscribers together."""
        return sum(self._prefixes.values())

    def serve(self) -> None:
        """Reads new subscriptions and markers, and sends the newest state and health for each subscription."""
        added: set[bytes] = set()
        while True:
            try:
                frame = self.socket.recv(zmq.DONTWAIT)
            except zmq.Again:
                break
            if frame[:1] == b"\x01":
                self._prefixes[frame[1:]] += 1
                added.add(frame[1:])
            elif frame[:1] == b"\x00":
                self._prefixes[frame[1:]] -= 1
                if self._prefixes[frame[1:]] <= 0:
                    del self._prefixes[frame[1:]]
            elif len(self._marks) < _MAX_MARKS and (mark := marks.decode(frame)) is not None:
                self._marks.append(mark)
        for topic, message in self._newest.items():
            subject = messages.subject_of(message)
            if any(topic.encode().startswith(prefix) for prefix in added):
                self._send(topic, subject, message)
            json_topic = JSON_ROOT + topic
            if any(
                prefix.startswith(JSON_ROOT.encode()) and json_topic.encode().startswith(prefix)
                for prefix in added
            ):
                self._send(json_topic, subject, message)

    def take_marks(self) -> list[marks.Arrived]:
        """The markers that arrived since the last call."""
        taken, self._marks = self._marks, []
        return taken

    def _json_wanted(self, topic: str) -> bool:
        json_topic = (JSON_ROOT + topic).encode()
        root = JSON_ROOT.encode()
        return any(prefix.startswith(root) and json_topic.startswith(prefix) for prefix in self._prefixes)

    def _send(self, topic: str, subject: str, message: messages.Message) -> None:
        encoder = self._json if topic.startswith(JSON_ROOT) else self._msgpack
        parts = [topic.encode(), encoder.encode(message)]
        try:
            self.socket.send_multipart(parts, zmq.DONTWAIT)
        except zmq.Again:
            # A subscriber's queue is full: count it, then send to all others.
            self.dropped[subject] += 1
            self.socket.setsockopt(zmq.XPUB_NODROP, 0)
            try:
                self.socket.send_multipart(parts, zmq.DONTWAIT)
            finally:
                self.socket.setsockopt(zmq.XPUB_NODROP, 1)

    def close(self, linger_ms: int = 500) -> None:
        """Sends what is queued, for ``linger_ms`` milliseconds at most, and releases the endpoint."""
        self.socket.close(linger=linger_ms)
        if self._guard is not None:
            self._guard.stop()
            self._guard = None
        self._context.term()


def _bind_error(setting: str, endpoint: str, error: zmq.ZMQError) -> str:
    where = f"{setting} {endpoint}"
    if error.errno == zmq.EADDRINUSE:
        is_option = setting.startswith("-")
        option = f"{setting} " if is_option else f"--set {setting}="
        return f"{where}: in use by another program; stop it or give {option}tcp://127.0.0.1:PORT"
    return f"{where}: cannot listen there: {error.strerror}; expected for example tcp://127.0.0.1:5557"
