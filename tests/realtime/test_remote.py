"""Recognition at another endpoint: answers are the recogniser's own, what is unusable is said, keys are needed."""

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zmq

from engines.errors import InputError
from realtime import config
from realtime.bus import keys
from realtime.stages import remote

sys.path.insert(0, str(Path(__file__).parent))
import live_fakes

ANY_PORT = "tcp://127.0.0.1:*"


def candidate(number: int = 24) -> Any:
    from realtime.ring import Frame

    image = np.zeros((48, 64, 3), np.uint8)
    return live_fakes.FakeWatcher(None, None, "far").candidate(
        Frame(number, 0, time.monotonic_ns(), 0, image)
    )


@pytest.fixture
def serving() -> Callable[..., str]:
    """Serves in a thread that ends with the tests; its endpoint."""

    def start(settings: config.Bus | None = None) -> str:
        where: list[str] = []
        recogniser = live_fakes.FakeRecogniser(config.Recognise(), print)
        asked = (recogniser, ANY_PORT, settings or config.Bus(), where.append)
        thread = threading.Thread(target=remote.serve, args=asked, daemon=True)
        thread.start()
        while not where:
            assert thread.is_alive(), "it did not start"
            time.sleep(0.01)
        return where[0]

    return start


def test_the_answer_is_the_recognisers_with_times_of_this_machine(serving: Any) -> None:
    far = remote.RemoteRecogniser(config.Recognise(at=serving()))
    assert far.model.runtime.startswith("none at tcp://127.0.0.1:")
    for number in (24, 49):
        asked = candidate(number)
        event, pictures = far(asked)
        near, same = next(live_fakes.FakeRecogniser(config.Recognise(), print).many([asked]))
        assert msgspec.structs.replace(event, latency_ms={}) == msgspec.structs.replace(near, latency_ms={})
        assert pictures == same
        assert event.latency_ms["away"] > 0
        assert event.latency_ms["queued"] >= 0


def test_rubbish_is_answered_and_the_next_question_too(serving: Any) -> None:
    where = serving()
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.linger = 0
    socket.connect(where)
    for rubbish in (b"\xff", b"\x80" * 50, json.dumps({"a": 1}).encode()):
        socket.send(rubbish)
        assert socket.poll(10_000)
        assert isinstance(msgspec.msgpack.decode(socket.recv(), type=remote.Rejected), remote.Rejected)
    socket.close()
    assert remote.RemoteRecogniser(config.Recognise(at=where))(candidate())[0].label == "positive"


def test_only_known_keys_are_answered(serving: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_ANSWER_S", 1.0)
    folder = keys.make(tmp_path / "keys", ["camera"])
    other = keys.make(tmp_path / "other", ["stranger"])
    where = serving(config.Bus(keys=str(folder.secret), clients=str(folder.clients)))

    def ask(secret: Path | None, server: Path | None) -> Any:
        settings = {"keys": secret and str(secret), "server": server and str(server)}
        return remote.RemoteRecogniser(config.Recognise(at=where, **settings))(candidate())

    for secret, server in (
        (None, None),
        (other.client("stranger"), folder.public),
        (folder.client("camera"), other.public),
    ):
        with pytest.raises(InputError, match="no answer within 1 s"):
            ask(secret, server)
    monkeypatch.setattr(remote, "_ANSWER_S", 20.0)
    assert ask(folder.client("camera"), folder.public)[0].label == "positive"


def test_faces_do_not_leave_the_machine_in_the_clear() -> None:
    with pytest.raises(InputError, match="encrypted only"):
        remote.RemoteRecogniser(config.Recognise(at="tcp://192.0.2.1:5558"))
    with pytest.raises(InputError, match="reachable from other machines"):
        remote.serve(None, "tcp://0.0.0.0:*", config.Bus())


def test_a_bad_endpoint_is_one_line() -> None:
    with pytest.raises(InputError, match="not an endpoint"):
        remote.RemoteRecogniser(config.Recognise(at="ipc://"))
