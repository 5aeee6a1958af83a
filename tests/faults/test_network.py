"""The bus and the private socket: a port in use, subscribers that do not read, rubbish."""

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import zmq
from running import EVERY, books, long_form, once_and_in_order

from realtime import messages
from realtime.client import Subscriber

ROOT = Path(__file__).parents[2]


def test_ports_in_use_are_one_line_and_nothing_is_left(start: Any, told: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for setting in (f"bus.endpoint=tcp://127.0.0.1:{port}", f"dashboard.port={port}"):
            run = start("fake:fps=100", dashboard=True, settings=[setting])
            assert run.process.wait(60) == 2
            assert "in use by another program" in run.said()
            run.leave_nothing([])
    told("bus or dashboard port in use", None, "refused with one line, status 2")


NEVER_READS = """
import sys, time, zmq
context = zmq.Context()
socket = context.socket(zmq.SUB)
socket.rcvhwm = 1
socket.setsockopt(zmq.RCVBUF, 4096)
socket.subscribe(b"")
socket.subscribe(b"apexcam.v1.*.preview")
socket.connect(sys.argv[1])
print("connected", flush=True)
time.sleep(600)
"""


@long_form
def test_a_subscriber_that_never_reads_costs_nobody_else_anything(start: Any, told: Any) -> None:
    size = "width=640,height=480,noise=1"
    run = start(
        f"fake:fps=100,frames=300,{size}", settings=["bus.queue=5", "bus.preview_hz=60", "bus.state_hz=100"]
    )
    run.until_line("bus ")
    stuck = subprocess.Popen([sys.executable, "-c", NEVER_READS, run.endpoint], stdout=subprocess.PIPE)
    try:
        report = run.end(number=None)
    finally:
        stuck.kill()
        stuck.communicate()
    once_and_in_order(run.micro_frames(), 300)
    made = books(report)
    assert made.lost_ring == made.restarts == 0
    assert report["dropped_messages"], "it was given more than its queue holds"
    told(
        "a subscriber that never reads",
        0.0,
        f"its own messages: {sum(report['dropped_messages'].values())} counted",
    )


def test_rubbish_on_every_socket_harms_nobody(start: Any, told: Any, moment: Any) -> None:
    """Strangers on the public socket, and on the private one, which only this user can reach."""
    run = start("fake:fps=100,frames=250").until_working()
    (private,) = (f"ipc://{folder}/main" for folder in _folders(run.process.pid))
    context = zmq.Context()
    sockets = []
    for kind, endpoint in ((zmq.XSUB, run.endpoint), (zmq.PUSH, run.endpoint), (zmq.DEALER, private)):
        sockets.append(context.socket(kind))
        sockets[-1].linger = 0
        sockets[-1].connect(endpoint)
    tcp = socket.create_connection(("127.0.0.1", int(run.endpoint.rpartition(":")[2])))
    try:
        for _ in range(200):
            for one in sockets:
                parts = [moment.randbytes(moment.randrange(200)) for _ in range(moment.randrange(1, 4))]
                try:
                    one.send_multipart(parts, zmq.DONTWAIT)
                except zmq.ZMQError:
                    continue
        tcp.sendall(moment.randbytes(5000))
        # Messages of the right form from a sender nobody knows.
        sockets[-1].send(msgspec.msgpack.encode({"type": "Ended", "lost": True}))
        report = run.end(number=None)
    finally:
        tcp.close()
        for one in sockets:
            one.close()
        context.term()
    made = books(report)
    assert made.restarts == made.lost_ring == 0
    once_and_in_order(run.micro_frames(), 250)
    told("rubbish sent to every socket", 0.0, "nothing")


@long_form
def test_a_subscriber_finds_a_program_that_was_killed_and_started_again(start: Any, told: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    asked = {"settings": [f"bus.endpoint={endpoint}"]}
    with Subscriber(endpoint, ["event"], timeout_s=60) as subscriber:
        first = start("fake:fps=100", **asked)
        assert subscriber.receive(60) is not None
        first.process.kill()
        first.process.wait()
        killed = time.monotonic()
        start("fake:fps=100", **asked)
        before = time.time()
        while True:
            event = subscriber.receive(60)
            assert isinstance(event, messages.Event), "it never came back"
            if event.offset.frame == EVERY - 1:
                break
            assert time.time() - before < 60
        told("program killed and started again", time.monotonic() - killed, "what happened meanwhile")


def _folders(pid: int) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"apexcam-run-{pid}-*"))
