"""The recognise process and who hands it work, without processes: batches, answers, what a death leaves."""

from collections import OrderedDict
from types import SimpleNamespace

import msgspec
import pytest

from realtime.live.coordinator import Live, Pending
from realtime.messages import Event, Moment
from realtime.processes import recognise, wire
from realtime.stages.candidate import Candidate

MOMENT = Moment(1, 10)


def candidate(name, crop=bytes(170 * 140)):
    return Candidate(
        event_id=name,
        camera="cam",
        face=0,
        kind="micro",
        onset=MOMENT,
        apex=MOMENT,
        offset=MOMENT,
        intensity_px=1.0,
        confidence=1.0,
        frames_lost=0,
        fps=200.0,
        reason="",
        onset_crop=crop,
        apex_crop=crop,
        crop_to_frame=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        apex_host_ns=0,
        spotted_ns=0,
    )


def event(of):
    return Event(
        **{
            name: getattr(of, name)
            for name in ("event_id", "camera", "face", "kind", "onset", "apex", "offset")
        },
        label=None,
        probabilities={},
        abstained=False,
        confidence=1.0,
        intensity_px=1.0,
        frames_lost=0,
        fps=200.0,
        latency_ms={},
        model=None,
        flow=None,
        reason="",
    )


class Link:
    def __init__(self, *orders):
        self.orders, self.sent = list(orders), []

    def receive(self, timeout_s=0.0):
        return self.orders.pop(0) if self.orders else None

    def send(self, message):
        self.sent.append(message)


class Recogniser:
    def __init__(self, refuses=""):
        self.asked, self.refuses = [], refuses

    def many(self, candidates):
        self.asked.append([c.event_id for c in candidates])
        for one in candidates:
            if one.event_id == self.refuses:
                raise ValueError("no flow")
            yield event(one), {}


def test_all_that_wait_are_taken_together_and_the_order_behind_them_is_kept():
    link = Link(wire.Work(1, b"a"), wire.Work(2, b"b"), wire.Finish(), wire.Work(3, b"c"))
    works, order = recognise._waiting(link)
    assert [work.number for work in works] == [1, 2]
    assert isinstance(order, wire.Finish)
    assert recognise._waiting(Link()) == ([], None)


def test_each_is_answered_and_one_that_cannot_be_keeps_no_other_from_it():
    link, recogniser = Link(), Recogniser(refuses="b")
    encode, decoder = msgspec.msgpack.encode, msgspec.msgpack.Decoder(Candidate)
    works = [wire.Work(n, encode(candidate(name))) for n, name in enumerate("abc")]
    works += [wire.Work(7, b"no candidate"), wire.Work(8, encode(candidate("d", crop=b"short")))]
    recognise._answer(link, recogniser, recognise._decoded(link, decoder, works))
    answers = {sent.number: type(sent) for sent in link.sent}
    assert answers == {0: wire.Named, 1: wire.Useless, 2: wire.Named, 7: wire.Useless, 8: wire.Useless}
    assert len(link.sent) == len(works)
    assert recogniser.asked == [["a", "b", "c"], ["c"]]


@pytest.fixture
def live():
    sent = []
    given_up = []
    made = SimpleNamespace(
        recognise=SimpleNamespace(ready=True, alive=True),
        supervisor=SimpleNamespace(send=lambda member, work: sent.append(work.number)),
        sent=sent,
        given_up=given_up,
        _at_work=set(),
        _pending=OrderedDict((n, Pending(None, wire.Spotted(0, b""))) for n in range(20)),
    )

    def give_up(number, why):
        given_up.append(number)
        del made._pending[number]

    made._give_up = give_up
    return made


def answered(live, number):
    del live._pending[number]
    live._at_work.discard(number)


def test_a_batch_goes_out_and_is_filled_up(live):
    Live._hand_out(live)
    assert live.sent == list(range(16))
    Live._hand_out(live)
    assert len(live.sent) == 16
    answered(live, 0)
    Live._hand_out(live)
    assert live.sent[16:] == [16]


def test_after_a_death_what_was_at_work_goes_alone_until_it_is_through(live):
    Live._hand_out(live)
    live._at_work.clear()
    live.sent.clear()
    for number in range(16):
        Live._hand_out(live)
        Live._hand_out(live)
        assert live.sent == [number]
        answered(live, number)
        live.sent.clear()
    Live._hand_out(live)
    assert live.sent == [16, 17, 18, 19]


def test_a_deadly_candidate_is_given_up_and_costs_no_other(live):
    for _ in range(6):
        Live._hand_out(live)
        assert live._at_work
        live._at_work.clear()
    assert live.given_up == [0]
    assert 1 in live._pending
