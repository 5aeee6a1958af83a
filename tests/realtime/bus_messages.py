"""Messages for the tests of bus, client and live."""

from realtime import messages

AT = messages.Moment(frame=7, t_ns=35_000_000, wall="2026-01-01T00:00:00Z")


def event(number: int = 0, camera: str = "desk") -> messages.Event:
    return messages.Event(
        event_id=f"{camera}-{number}",
        camera=camera,
        face=0,
        kind="micro",
        onset=AT,
        apex=AT,
        offset=AT,
        label="positive",
        probabilities={"negative": 0.1, "positive": 0.8, "surprise": 0.1},
        abstained=False,
        confidence=0.8,
        intensity_px=1.2,
        frames_lost=0,
        fps=200.0,
        latency_ms={"total": 90.0},
        model=None,
        flow=None,
        reason="",
    )


def state(frame: int = 7, camera: str = "desk") -> messages.State:
    return messages.State(
        camera=camera, at=messages.Moment(frame=frame, t_ns=frame * 5_000_000), fps=200.0, faces=[]
    )


def health(camera: str = "desk") -> messages.Health:
    return messages.Health(
        camera=camera,
        uptime_s=1.0,
        status="running",
        advice="",
        requested_fps=200.0,
        delivered_fps=199.9,
        captured=200,
        processed=199,
        lost_driver=0,
        lost_ring=0,
        events={"micro": 1},
        latency_ms={},
        backends={},
        dropped_messages={},
        processes=[],
    )


def preview(size: int = 10, camera: str = "desk") -> messages.Preview:
    return messages.Preview(camera=camera, at=AT, jpeg=b"\xff" * size)
