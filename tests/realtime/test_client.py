import sys
import time
from pathlib import Path

import msgspec
import pytest
import zmq

from engines.errors import InputError
from realtime import config, messages
from realtime.bus.publisher import Bus
from realtime.client import Subscriber, json_schema

sys.path.insert(0, str(Path(__file__).parent))
import bus_messages as some


def publish_until(bus: Bus, message: messages.Message, reader: Subscriber) -> messages.Message:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        bus.serve()
        bus.publish(message)
        got = reader.receive(0.05)
        if got is not None:
            return got
    raise AssertionError("nothing arrived")


def test_it_connects_again_after_the_program_was_restarted() -> None:
    bus = Bus(config.Bus(endpoint="tcp://127.0.0.1:*"))
    endpoint = bus.endpoint
    with Subscriber(endpoint, ["event"]) as reader:
        assert publish_until(bus, some.event(1), reader) == some.event(1)
        bus.close()
        while reader.receive(0.1) is not None:
            pass
        again = Bus(config.Bus(endpoint=endpoint))
        try:
            assert publish_until(again, some.event(2), reader) == some.event(2)
        finally:
            again.close()


def test_waiting_is_bounded() -> None:
    with Subscriber("tcp://127.0.0.1:1", timeout_s=0.05) as reader:
        assert reader.receive(0.02) is None
        with pytest.raises(TimeoutError):
            next(iter(reader))


def test_latest_keeps_every_event_and_only_the_newest_state() -> None:
    bus = Bus(config.Bus(endpoint="tcp://127.0.0.1:*"))
    try:
        with Subscriber(bus.endpoint, latest=True, camera="desk") as reader:
            publish_until(bus, some.health(), reader)
            while reader.receive(0.1) is not None:
                pass
            for number in range(40):
                bus.publish(some.state(number))
                if number % 10 == 0:
                    bus.publish(some.event(number))
            time.sleep(0.3)
            got = []
            while (message := reader.receive(0.2)) is not None:
                got.append(message)
    finally:
        bus.close()
    assert [message.event_id for message in got if isinstance(message, messages.Event)] == [
        f"desk-{number}" for number in range(0, 40, 10)
    ]
    assert [message.at.frame for message in got if isinstance(message, messages.State)] == [39]


def test_corrupt_messages_are_counted_and_skipped() -> None:
    context = zmq.Context()
    out = context.socket(zmq.PUB)
    out.linger = 0
    port = out.bind_to_random_port("tcp://127.0.0.1")
    good = msgspec.msgpack.encode(some.event(5))
    try:
        with Subscriber(f"tcp://127.0.0.1:{port}", ["event"]) as reader:
            deadline = time.monotonic() + 10
            while reader.receive(0.05) is None:
                out.send_multipart([b"apexcam.v1.desk.event", good])
                assert time.monotonic() < deadline
            for payload in (
                b"",
                b"\xc1",
                b"\xff" * 50,
                good[:-3],
                b"\x91" * 5000,
                msgspec.msgpack.encode({"a": 1}),
            ):
                out.send_multipart([b"apexcam.v1.desk.event", payload])
            out.send_multipart([b"apexcam.v1.\xff\xfe.event", b"\x80"])
            out.send_multipart([b"apexcam.v1.desk.gossip", good])
            out.send(b"apexcam.v1.desk.event")
            last = msgspec.msgpack.encode(some.event(6))
            out.send_multipart([b"apexcam.v1.desk.event", last])
            while (message := reader.receive(5)) == some.event(5):
                pass
            assert message == some.event(6)
            assert reader.rejected == 9
    finally:
        out.close()
        context.term()


@pytest.mark.parametrize("topic", ["events", "apexcam.v1.desk", "apexcam.v2.desk.event", ""])
def test_an_unknown_topic_is_one_line(topic: str) -> None:
    with pytest.raises(InputError, match="unknown"):
        Subscriber(topics=[topic])


def test_a_bad_endpoint_is_one_line() -> None:
    with pytest.raises(InputError, match="not an endpoint"):
        Subscriber("five five five")


def test_the_schema_describes_what_is_sent() -> None:
    schema = json_schema()
    assert set(schema["topics"]) == {f"apexcam.v1.CAMERA.{subject}" for subject in messages.SUBJECTS}
    event = schema["$defs"]["Event"]
    assert set(msgspec.to_builtins(some.event())) == set(event["properties"])
    assert event["additionalProperties"] is False
    msgspec.json.encode(schema)
