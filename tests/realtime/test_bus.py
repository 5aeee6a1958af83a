import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from engines.errors import InputError
from realtime import config, messages
from realtime.bus import keys
from realtime.bus.publisher import Bus, is_loopback
from realtime.client import Subscriber

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some

ANY_PORT = "tcp://127.0.0.1:*"


@pytest.fixture
def bus() -> Iterator[Bus]:
    opened = Bus(config.Bus(endpoint=ANY_PORT, queue=50))
    yield opened
    opened.close(linger_ms=0)


def subscribed(bus: Bus, count: int) -> None:
    """Waits until the bus knows of so many subscriptions."""
    deadline = time.monotonic() + 10
    while bus.subscriptions < count:
        bus.serve()
        assert time.monotonic() < deadline, "the subscription never arrived"
        time.sleep(0.005)


def test_messages_arrive_typed_and_in_order(bus: Bus) -> None:
    with Subscriber(bus.endpoint, ["event"], camera="desk") as reader:
        subscribed(bus, 1)
        for number in range(20):
            bus.publish(some.event(number))
            bus.publish(some.state(number))
        got = [reader.receive(5) for _ in range(20)]
    assert got == [some.event(number) for number in range(20)]


def test_a_late_subscriber_gets_newest_state_and_health_but_no_old_events(bus: Bus) -> None:
    bus.publish(some.event(1))
    bus.publish(some.health())
    for frame in range(5):
        bus.publish(some.state(frame))
    with Subscriber(bus.endpoint) as reader:
        subscribed(bus, 1)
        first = [reader.receive(5), reader.receive(5)]
        bus.publish(some.event(2))
        after = reader.receive(5)
    assert some.state(4) in first
    assert some.health() in first
    assert after == some.event(2)


def test_the_json_twin_says_the_same(bus: Bus) -> None:
    context = zmq.Context()
    raw = context.socket(zmq.SUB)
    raw.linger = 0
    raw.subscribe(b"json.apexcam.v1.desk.event")
    raw.connect(bus.endpoint)
    try:
        subscribed(bus, 1)
        bus.publish(some.event(3))
        assert raw.poll(5000)
        topic, payload = raw.recv_multipart()
    finally:
        raw.close()
        context.term()
    assert topic == b"json.apexcam.v1.desk.event"
    assert json.loads(payload) == msgspec.to_builtins(some.event(3))


def test_previews_are_wanted_only_when_asked_for_by_name(bus: Bus) -> None:
    assert not bus.wanted("desk", "preview")
    with Subscriber(bus.endpoint):
        subscribed(bus, 3)
        assert not bus.wanted("desk", "preview")
        with Subscriber(bus.endpoint, ["preview"]) as reader:
            subscribed(bus, 5)
            assert bus.wanted("desk", "preview")
            bus.publish(some.preview())
            assert reader.receive(5) == some.preview()
    with Subscriber(bus.endpoint, ["preview"], camera="door"):
        deadline = time.monotonic() + 10
        while not bus.wanted("door", "preview") or bus.wanted("desk", "preview"):
            bus.serve()
            assert time.monotonic() < deadline


def test_a_subscriber_that_never_reads_is_counted_and_delays_nobody(bus: Bus) -> None:
    context = zmq.Context()
    stuck = context.socket(zmq.SUB)
    stuck.linger, stuck.rcvhwm = 0, 1
    stuck.subscribe(b"apexcam.v1.desk.")
    stuck.connect(bus.endpoint)
    try:
        with Subscriber(bus.endpoint, ["event"], camera="desk") as quick:
            subscribed(bus, 2)
            for _ in range(2000):
                bus.publish(some.preview(100_000))
                if bus.dropped["preview"]:
                    break
            assert bus.dropped["preview"] > 0, "nothing was dropped: the queue has no bound"
            for number in range(30):
                bus.publish(some.event(number))
                assert quick.receive(5) == some.event(number)
    finally:
        stuck.close()
        context.term()


def test_the_port_in_use_is_one_line() -> None:
    first = Bus(config.Bus(endpoint=ANY_PORT))
    try:
        with pytest.raises(InputError, match="in use by another program"):
            Bus(config.Bus(endpoint=first.endpoint))
    finally:
        first.close()


@pytest.mark.parametrize(
    "endpoint", ["tcp://127.0.0.1", "nonsense", "tcp://300.1.1.1:4", "tcp://127.0.0.1:99999"]
)
def test_a_bad_endpoint_is_one_line(endpoint: str) -> None:
    with pytest.raises(InputError, match=r"bus\.endpoint"):
        Bus(config.Bus(endpoint=endpoint))


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("tcp://127.0.0.1:5557", True),
        ("tcp://localhost:1", True),
        ("tcp://[::1]:1", True),
        ("ipc:///tmp/x", True),
        ("tcp://*:5557", False),
        ("tcp://0.0.0.0:5557", False),
        ("tcp://eth0:5557", False),
        ("tcp://192.168.1.4:5557", False),
        ("tcp://[::]:1", False),
        ("udp://somewhere", False),
    ],
)
def test_loopback_is_told_apart(endpoint: str, local: bool) -> None:
    assert is_loopback(endpoint) is local


def test_off_loopback_it_refuses_without_keys(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="reachable from other machines"):
        Bus(config.Bus(endpoint="tcp://*:*"))
    made = keys.make(tmp_path / "keys", [])
    secret = str(made.secret)
    with pytest.raises(InputError, match="reachable from other machines"):
        Bus(config.Bus(endpoint="tcp://*:*", keys=secret))
    nobody = str(made.clients)
    with pytest.raises(InputError, match="no client certificate"):
        Bus(config.Bus(endpoint="tcp://*:*", keys=secret, clients=nobody))
    with pytest.raises(InputError, match="public half"):
        Bus(config.Bus(endpoint="tcp://*:*", keys=str(made.public), clients=nobody))
    with pytest.raises(InputError, match="not a CURVE certificate"):
        Bus(config.Bus(endpoint="tcp://*:*", keys=str(tmp_path / "none"), clients=nobody))
    made.secret.chmod(0o644)
    with pytest.raises(InputError, match="others may read this secret"):
        Bus(config.Bus(endpoint="tcp://*:*", keys=secret, clients=nobody))


def test_with_keys_only_listed_clients_hear_anything(tmp_path: Path) -> None:
    made = keys.make(tmp_path, ["friend"])
    stranger_secret = keys.make(tmp_path / "other", ["stranger"]).client("stranger")
    friend_secret, server_public = made.client("friend"), made.public
    bus = Bus(config.Bus(endpoint=ANY_PORT, keys=str(made.secret), clients=str(made.clients)))
    try:
        with (
            Subscriber(bus.endpoint, ["event"], camera="desk") as plain,
            Subscriber(
                bus.endpoint, ["event"], camera="desk", keys=stranger_secret, server=server_public
            ) as stranger,
            Subscriber(
                bus.endpoint, ["event"], camera="desk", keys=friend_secret, server=server_public
            ) as friend,
        ):
            subscribed(bus, 1)
            time.sleep(0.3)
            bus.serve()
            assert bus.subscriptions == 1
            bus.publish(some.event())
            assert friend.receive(5) == some.event()
            assert stranger.receive(0.2) is None
            assert plain.receive(0.2) is None
    finally:
        bus.close()


def test_subscribing_with_rubbish_harms_nobody(bus: Bus) -> None:
    context = zmq.Context()
    rude = context.socket(zmq.XSUB)
    rude.linger = 0
    rude.connect(bus.endpoint)
    try:
        for rubbish in (b"\x01" + b"\xff" * 300, b"\x02hello", b"", b"\x00never", b"\x01json.", b"x" * 4000):
            rude.send(rubbish)
        subscribed(bus, 2)
        bus.publish(some.state())
        with Subscriber(bus.endpoint, ["state"]) as reader:
            assert_state(bus, reader)
    finally:
        rude.close()
        context.term()


def assert_state(bus: Bus, reader: Subscriber) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        bus.serve()
        got = reader.receive(0.02)
        if got is not None:
            assert isinstance(got, messages.State)
            return
    raise AssertionError("the state never came")


def test_zeromqs_own_proxy_fans_out(bus: Bus) -> None:
    """As the README tells: one subscription at the program, any number behind the proxy."""
    from zmq.devices import ThreadProxy

    proxy = ThreadProxy(zmq.XSUB, zmq.XPUB)
    proxy.connect_in(bus.endpoint)
    port = proxy.bind_out_to_random_port("tcp://127.0.0.1")
    proxy.start()
    behind = [Subscriber(f"tcp://127.0.0.1:{port}", ["event"], camera="desk") for _ in range(5)]
    try:
        subscribed(bus, 1)
        heard = [None] * len(behind)
        for _ in range(500):
            bus.serve()
            bus.publish(some.event())
            heard = [one or reader.receive(0.01) for one, reader in zip(heard, behind, strict=True)]
            if all(heard):
                break
        assert heard == [some.event()] * len(behind)
        assert bus.subscriptions == 1
    finally:
        for reader in behind:
            reader.close()
