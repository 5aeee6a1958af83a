"""Recognition on another machine: ``apexcam recognise`` there, ``recognise.at`` here.

A candidate (two crops of 24 kB) is sent there and its event comes back; off this machine only encrypted and between
known keys. The recognise process sends requests instead of computing; main keeps each candidate until it is answered,
so that a failure of machine or network loses none, and none is published twice.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from engines.errors import InputError
from realtime import config, messages
from realtime.bus.keys import load_public, load_secret
from realtime.bus.publisher import authenticate, bind, is_loopback
from realtime.stages.candidate import Candidate

DEFAULT_ENDPOINT: Final = "tcp://127.0.0.1:5558"
# Less than the silence after which main kills the recognise process.
_ANSWER_S: Final = 20.0
_RETRY_S: Final = 4.0  # the server may have died with the request
_MAX_BYTES: Final = 1 << 24


class Identity(msgspec.Struct, frozen=True, tag=True):
    """The reply to an empty request: what recognises there."""

    model: messages.Model
    flow: messages.FlowUsed


class Recognised(msgspec.Struct, frozen=True, tag=True):
    """The reply to a candidate: its event and pictures (PNG)."""

    event: messages.Event
    pictures: dict[str, bytes]


class Rejected(msgspec.Struct, frozen=True, tag=True):
    """The reply to an unusable candidate: the reason."""

    reason: str


Reply = Identity | Recognised | Rejected


class RemoteRecogniser:
    """Replaces `realtime.stages.recogniser.Recogniser` by the one at ``settings.at``.

    ``on_notice`` is not used. Raises InputError for a bad endpoint, off loopback without keys, or without an answer.
    """

    def __init__(
        self, settings: config.Recognise, on_notice: Callable[[str], None] = lambda text: None
    ) -> None:
        assert settings.at is not None
        self._where = settings.at
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
        self._socket = zmq.Context().socket(zmq.REQ)
        self._socket.linger = 0
        self._socket.maxmsgsize = _MAX_BYTES
        # Heartbeats detect that the other machine is gone; correlation ignores late replies to earlier requests.
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, 2000)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 6000)
        self._socket.setsockopt(zmq.REQ_CORRELATE, 1)
        self._socket.setsockopt(zmq.REQ_RELAXED, 1)
        if settings.keys is not None and settings.server is not None:
            public, secret = load_secret(Path(settings.keys), "recognise.keys")
            self._socket.curve_publickey, self._socket.curve_secretkey = public, secret
            self._socket.curve_serverkey = load_public(Path(settings.server), "recognise.server")
        elif settings.keys is not None or settings.server is not None or not is_loopback(settings.at):
            raise InputError(
                f"recognise.at {settings.at}: faces leave this machine encrypted only; give recognise.keys (this "
                "program's secret CURVE certificate) and recognise.server (the recogniser's public one)"
            )
        try:
            self._socket.connect(settings.at)
        except zmq.ZMQError as error:
            raise InputError(
                f"recognise.at {settings.at}: not an endpoint ({error.strerror}); expected for example "
                f"{DEFAULT_ENDPOINT}"
            ) from None
        try:
            identity = self._request(b"")
        except ConnectionError as error:
            raise InputError(str(error)) from None
        assert isinstance(identity, Identity)
        model, flow = identity.model, identity.flow
        self.model = msgspec.structs.replace(model, runtime=f"{model.runtime} at {self._where}")
        self.flow = flow
        self.backends = {
            "flow": f"{flow.backend} {flow.preset} at {self._where}",
            "classify": f"{model.name} on {self.model.runtime}",
        }

    def many(self, candidates: Sequence[Candidate]) -> Iterator[tuple[messages.Event, dict[str, bytes]]]:
        """Recognises one candidate after the other, as `__call__`."""
        return map(self, candidates)

    def __call__(self, candidate: Candidate) -> tuple[messages.Event, dict[str, bytes]]:
        """The event and its pictures. Raises ConnectionError without a reply, InputError for a rejected candidate."""
        sent_ns = time.monotonic_ns()
        answer = self._request(self._encoder.encode(candidate))
        if isinstance(answer, Rejected):
            raise InputError(answer.reason)
        if not isinstance(answer, Recognised) or answer.event.event_id != candidate.event_id:
            raise ConnectionError(f"recognise.at {self._where}: the answer is to another question")
        # The clocks of two machines cannot be compared.
        local = {
            "queued": round((sent_ns - candidate.spotted_ns) / 1e6, 3),
            "away": round((time.monotonic_ns() - sent_ns) / 1e6, 3),
        }
        event = msgspec.structs.replace(answer.event, latency_ms=answer.event.latency_ms | local)
        return event, answer.pictures

    def _request(self, request: bytes) -> Reply:
        deadline = time.monotonic() + _ANSWER_S
        answered = 0
        while not answered and (left := deadline - time.monotonic()) > 0:
            wait_ms = round(min(left, _RETRY_S) * 1000)
            # A peer that refuses this key leaves nobody to send to, and sending would wait for ever.
            if self._socket.poll(wait_ms, zmq.POLLOUT):
                self._socket.send(request, zmq.DONTWAIT)
                answered = self._socket.poll(wait_ms)
        if not answered:
            raise ConnectionError(
                f"recognise.at {self._where}: no answer within {_ANSWER_S:g} s; is apexcam recognise running there, "
                "and this program's key on its list?"
            )
        try:
            return self._decoder.decode(self._socket.recv())
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConnectionError(f"recognise.at {self._where}: not an answer: {error}") from None


def serve(
    recogniser: Any,
    endpoint: str,
    settings: config.Bus,
    listening: Callable[[str], None] = lambda where: None,
) -> None:
    """Answers requests until interrupted, with the keys and for the clients in ``settings``.

    ``listening`` is called with the endpoint once bound. Raises InputError for an endpoint that is unusable, or off
    loopback without keys.
    """
    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Candidate)
    context = zmq.Context()
    socket = context.socket(zmq.REP)
    guard = None
    try:
        socket.linger = 0
        socket.maxmsgsize = _MAX_BYTES
        guard = authenticate(context, socket, endpoint, settings, "--endpoint")
        listening(bind(socket, endpoint, "--endpoint"))
        while True:
            request = socket.recv()
            reply: Reply = Identity(recogniser.model, recogniser.flow)
            if request:
                try:
                    (recognised,) = recogniser.many([decoder.decode(request)])
                    reply = Recognised(*recognised)
                except (InputError, msgspec.MsgspecError, ValueError, RecursionError) as error:
                    reply = Rejected(str(error))
            socket.send(encoder.encode(reply))
    finally:
        socket.close()
        if guard is not None:
            guard.stop()
        context.term()
