"""The recognise process and who hands it work, without processes: batches, answers, what a death leaves."""

import msgspec

from realtime.live.camera_run import CameraRun
from realtime.live.candidates import CandidateQueue
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
    link = Link(wire.Recognise(1, b"a"), wire.Recognise(2, b"b"), wire.Finish(), wire.Recognise(3, b"c"))
    works, order = recognise._waiting(link)
    assert [work.number for work in works] == [1, 2]
    assert isinstance(order, wire.Finish)
    assert recognise._waiting(Link()) == ([], None)


def test_each_is_answered_and_one_that_cannot_be_keeps_no_other_from_it():
    link, recogniser = Link(), Recogniser(refuses="b")
    encode, decoder = msgspec.msgpack.encode, msgspec.msgpack.Decoder(Candidate)
    works = [wire.Recognise(n, encode(candidate(name))) for n, name in enumerate("abc")]
    works += [wire.Recognise(7, b"no candidate"), wire.Recognise(8, encode(candidate("d", crop=b"short")))]
    recognise._answer(link, recogniser, recognise._decoded(link, decoder, works))
    answers = {sent.number: type(sent) for sent in link.sent}
    assert answers == {
        0: wire.Recognised,
        1: wire.Rejected,
        2: wire.Recognised,
        7: wire.Rejected,
        8: wire.Rejected,
    }
    assert len(link.sent) == len(works)
    assert recogniser.asked == [["a", "b", "c"], ["c"]]


class Handed:
    """A queue of twenty candidates, what it handed out and what it rejected."""

    def __init__(self):
        self.sent, self.rejected = [], []
        self.queue = CandidateQueue(
            lambda work: self.sent.append(work.number), self.rejected.append, together=16
        )
        for _ in range(20):
            self.queue.add(CameraRun(0, "fake", "fake"), wire.Spotted(0, b""))


def test_a_batch_goes_out_and_is_filled_up():
    handed = Handed()
    handed.queue.hand_out()
    assert handed.sent == list(range(16))
    handed.queue.hand_out()
    assert len(handed.sent) == 16
    handed.queue.answered(0)
    handed.queue.hand_out()
    assert handed.sent[16:] == [16]


def test_an_answer_counts_once():
    handed = Handed()
    handed.queue.hand_out()
    assert handed.queue.answered(3) is not None
    assert handed.queue.answered(3) is None
    handed.queue.reject(3, "too late")
    assert (len(handed.queue), handed.rejected) == (19, [])


def test_after_a_death_what_was_at_work_goes_alone_until_it_is_through():
    handed = Handed()
    handed.queue.hand_out()
    handed.queue.worker_lost()
    handed.sent.clear()
    for number in range(16):
        handed.queue.hand_out()
        handed.queue.hand_out()
        assert handed.sent == [number]
        handed.queue.answered(number)
        handed.sent.clear()
    handed.queue.hand_out()
    assert handed.sent == [16, 17, 18, 19]


def test_a_deadly_candidate_is_given_up_and_costs_no_other():
    handed = Handed()
    for _ in range(6):
        handed.queue.hand_out()
        handed.queue.worker_lost()
    assert handed.rejected == ["the recognise process died 5 times at it"]
    assert len(handed.queue) == 19
    assert handed.queue.answered(1) is not None
