"""Recognition on another machine: ``apexcam recognise`` there, ``recognise.at`` here.

A candidate (two crops of 24 kB) goes there, its event comes back, encrypted and between known keys only, or not at all
off the machine. Here the recognise process asks in place of computing; main keeps a candidate until it is answered, so
that a machine or network that fails loses none, and none is published twice.
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
# Less than a silent recognise process is given.
_ANSWER_S: Final = 20.0
_AGAIN_S: Final = 4.0  # asked again: the one that was asked may have died
_MOST_BYTES: Final = 1 << 24


class Known(msgspec.Struct, frozen=True, tag=True):
    """The answer to an empty question: who recognises."""

    model: messages.Model
    flow: messages.FlowUsed


class Named(msgspec.Struct, frozen=True, tag=True):
    """The answer to a candidate: its event and pictures (PNG)."""

    event: messages.Event
    pictures: dict[str, bytes]


class Useless(msgspec.Struct, frozen=True, tag=True):
    """The answer to what is no candidate; why."""

    why: str


class RemoteRecogniser:
    """Stands where `realtime.stages.recogniser.Recogniser` does and asks the one at ``settings.at``.

    Raises InputError on a bad endpoint, off loopback without keys, or if nobody answers there.
    """

    def __init__(self, settings: config.Recognise, heard: Callable[[str], None] = lambda text: None) -> None:
        assert settings.at is not None
        self._where = settings.at
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[Known | Named | Useless] = msgspec.msgpack.Decoder(
            Known | Named | Useless
        )
        self._socket = zmq.Context().socket(zmq.REQ)
        self._socket.linger = 0
        self._socket.maxmsgsize = _MOST_BYTES
        # Heartbeats find out that the other machine is gone; a question asked again is told from the one before.
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
            known = self._ask(b"")
        except ConnectionError as error:
            raise InputError(str(error)) from None
        assert isinstance(known, Known)
        self.model = msgspec.structs.replace(known.model, runtime=f"{known.model.runtime} at {self._where}")
        self.flow = known.flow
        self.backends = {
            "flow": f"{known.flow.backend} {known.flow.preset} at {self._where}",
            "classify": f"{known.model.name} on {self.model.runtime}",
        }

    def many(self, candidates: Sequence[Candidate]) -> Iterator[tuple[messages.Event, dict[str, bytes]]]:
        """Each in turn, as `__call__`."""
        return map(self, candidates)

    def __call__(self, candidate: Candidate) -> tuple[messages.Event, dict[str, bytes]]:
        """The event and its pictures. Raises ConnectionError without an answer, InputError for a useless candidate."""
        asked = time.monotonic_ns()
        answer = self._ask(self._encoder.encode(candidate))
        if isinstance(answer, Useless):
            raise InputError(answer.why)
        if not isinstance(answer, Named) or answer.event.event_id != candidate.event_id:
            raise ConnectionError(f"recognise.at {self._where}: the answer is to another question")
        # The clocks of two machines have nothing to do with each other.
        here = {
            "queued": round((asked - candidate.spotted_ns) / 1e6, 3),
            "away": round((time.monotonic_ns() - asked) / 1e6, 3),
        }
        return msgspec.structs.replace(
            answer.event, latency_ms=answer.event.latency_ms | here
        ), answer.pictures

    def _ask(self, question: bytes) -> Known | Named | Useless:
        deadline = time.monotonic() + _ANSWER_S
        answered = 0
        while not answered and (left := deadline - time.monotonic()) > 0:
            self._socket.send(question)
            answered = self._socket.poll(round(min(left, _AGAIN_S) * 1000))
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
    """Answers candidates until it is interrupted; ``settings`` says with which keys and to whom.

    ``listening`` is told the endpoint. Raises InputError for an endpoint that is unusable or off loopback without keys.
    """
    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Candidate)
    context = zmq.Context()
    socket = context.socket(zmq.REP)
    guard = None
    try:
        socket.linger = 0
        socket.maxmsgsize = _MOST_BYTES
        guard = authenticate(context, socket, endpoint, settings, "--endpoint")
        listening(bind(socket, endpoint, "--endpoint"))
        while True:
            question = socket.recv()
            answer: Known | Named | Useless = Known(recogniser.model, recogniser.flow)
            if question:
                try:
                    (recognised,) = recogniser.many([decoder.decode(question)])
                    answer = Named(*recognised)
                except (InputError, msgspec.MsgspecError, ValueError, RecursionError) as error:
                    answer = Useless(str(error))
            socket.send(encoder.encode(answer))
    finally:
        socket.close()
        if guard is not None:
            guard.stop()
        context.term()
