"""The page in a real browser: against a fake program, and during `apexcam live demo`."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engines.labels import CLASSES

sys.path.insert(0, str(Path(__file__).parent))
import browser
import fake_program

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(
    browser.path() is None, reason="no Chromium here (Debian: apt install chromium)"
)

FRAME = "Number(document.querySelector('.picture')?.dataset.frame ?? -1)"
CARDS = "document.querySelectorAll('article.micro')"
NEWEST = "document.querySelector('article.micro')"
ALL_LOADED = f"[...{NEWEST}.querySelectorAll('img')].every(i => i.complete && i.naturalWidth > 50)"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def line_with(process: subprocess.Popen[str], pattern: str) -> str:
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if found := re.search(pattern, line):
            return found.group(0)
    raise AssertionError(f"ended without {pattern}: {seen[-2000:]}")


def picture_digest(tab: browser.Browser) -> str:
    return str(tab.js("document.querySelector('.picture canvas').toDataURL('image/jpeg', .4)"))


def assert_picture_changes(tab: browser.Browser, before: str, within_s: float = 8) -> None:
    """One frame later may look the same: the head turns back, and a drawn picture waits for its decoder."""
    until = time.monotonic() + within_s
    while picture_digest(tab) == before:
        assert time.monotonic() < until, f"the same picture for {within_s} s"
        time.sleep(0.05)


def still(tab: browser.Browser) -> int:
    """The frame at which the picture stands; the last one may arrive after the page says that it is frozen."""
    before = tab.js(FRAME)
    for _ in range(5):
        time.sleep(0.6)
        now = tab.js(FRAME)
        if now == before:
            return int(now)
        before = now
    raise AssertionError("the picture goes on")


def test_page_against_a_fake_program() -> None:
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    port = str(free_port())
    fake = str(HERE / "fake_program.py")
    serve = str(HERE / "serve_dashboard.py")
    with contextlib.ExitStack() as stack:
        page = stack.enter_context(running(serve, endpoint, port))
        program = stack.enter_context(running(fake, endpoint, "1.5"))
        url = line_with(page, r"http://\S+")
        tab = stack.enter_context(browser.Browser())
        tab.open(url)

        # The picture changes.
        tab.wait(f"{FRAME} > 0", 15)
        first, before = tab.js(FRAME), picture_digest(tab)
        tab.wait(f"{FRAME} > {first} + 20")
        assert_picture_changes(tab, before)

        # An event card with its label and pictures.
        tab.wait(f"{CARDS}.length > 0 && {NEWEST}.querySelectorAll('img').length == 4", 15)
        tab.wait(ALL_LOADED)
        labels = {"Surprise", "Positive", "Negative", "Not named"}
        shown = tab.js(f"{NEWEST}.querySelector('h3').textContent")
        assert shown in labels
        identity = tab.js(f"{NEWEST}.dataset.event")
        number = round((int(identity.split("-")[2]) / fake_program.FPS + 0.11) / 1.5) - 1
        expected = fake_program.Program(1.5).label(number)
        assert shown == (expected.capitalize() if expected else "Not named")
        bars = tab.js(f"[...{NEWEST}.querySelectorAll('.bar span')].map(s => s.textContent)")
        assert bars == ["Negative", "Positive", "Surprise"]
        assert "200" in tab.js("document.querySelector('.rate').textContent")

        # Freeze stops the page at the next event, and only there; the space bar lets it go on.
        count = tab.js(f"{CARDS}.length")
        tab.js("document.querySelector('.freeze').click()")
        tab.wait("document.querySelector('.hold')", 8)
        assert tab.js(f"{CARDS}.length") > count or tab.js(f"{CARDS}.length") == 12
        assert tab.js(f"{NEWEST}.querySelectorAll('img').length") == 4
        held = still(tab)
        tab.js("document.querySelector('.freeze').click()")
        tab.key(" ", "Space", " ")
        tab.wait(f"{FRAME} > {held} + 10")
        assert not tab.js("!!document.querySelector('.hold')")

        # Class names are the viewer's, light and dark too; both are there after a reload.
        tab.js("document.querySelectorAll('.tool')[0].click()")
        tab.wait("document.querySelector('input[data-class=positive]')")
        tab.js(
            "(() => { const field = document.querySelector('input[data-class=positive]'); field.value = 'Freude <b>';"
            "field.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )
        tab.wait("document.cookie.includes('Freude')")
        tab.js("document.querySelectorAll('.tool')[1].click()")
        tab.wait("document.body.classList.contains('body--dark') && document.cookie.includes('dark')")
        tab.open(url)
        tab.wait("document.body.classList.contains('body--dark')")
        tab.wait("[...document.querySelectorAll('article h3')].some(h => h.textContent == 'Freude <b>')", 15)

        # It fits a telephone.
        tab.call(
            "Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True
        )
        tab.wait(f"innerWidth == 390 && {FRAME} > 0 && {CARDS}.length > 0")
        assert tab.js("document.documentElement.scrollWidth") <= 390

        # Nothing went wrong and nothing left this machine.
        assert tab.foreign() == []
        assert tab.complaints == []

        # The program is started again: the page says that it is gone, then goes on.
        old = tab.js(FRAME)
        program.kill()
        tab.wait("document.querySelector('.notice')?.textContent.includes('No data')", 8)
        stack.enter_context(running(fake, endpoint, "1.5"))
        tab.wait(f"0 < {FRAME} && {FRAME} < {old} && !document.querySelector('.notice')", 15)
        assert tab.complaints == []


def test_page_behind_a_token_finds_back_to_a_restarted_dashboard() -> None:
    endpoint, port, token = f"tcp://127.0.0.1:{free_port()}", str(free_port()), "correct horse"
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(str(HERE / "fake_program.py"), endpoint))
        page = stack.enter_context(running(str(HERE / "serve_dashboard.py"), endpoint, port, token))
        tab = stack.enter_context(browser.Browser())
        tab.open(line_with(page, r"http://\S+"))
        tab.wait("document.querySelector('#token')")
        assert not tab.js("!!document.querySelector('.picture')")
        tab.js(f"document.querySelector('#token').value = '{token}'")
        tab.js("document.querySelector('form').submit()")
        tab.wait(f"{FRAME} > 0", 15)
        assert "session" not in tab.js("document.cookie")
        tab.js("window.marked = true")
        page.kill()
        page.wait(5)
        tab.wait("document.querySelector('.notice')?.textContent.includes('connection')")
        again = stack.enter_context(running(str(HERE / "serve_dashboard.py"), endpoint, port, token))
        line_with(again, r"http://\S+")
        tab.wait(f"!window.marked && {FRAME} > 0", 15)


def test_page_during_the_demo(tmp_path: Path) -> None:
    port = free_port()
    settings = {
        "bus.endpoint": f"tcp://127.0.0.1:{free_port()}",
        "dashboard.port": str(port),
        "dashboard.open": "false",
        "source.fps": "100",
    }
    options = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    arguments = ["-c", "from realtime.cli import main; main()", "live", "demo", "--duration", "60", *options]
    with contextlib.ExitStack() as stack:
        program = stack.enter_context(running(*arguments))
        line_with(program, r"dashboard http://\S+")
        tab = stack.enter_context(browser.Browser())
        tab.open(f"http://127.0.0.1:{port}/")
        tab.wait(f"{FRAME} > 0", 30)
        first, before = tab.js(FRAME), picture_digest(tab)
        tab.wait(f"{FRAME} > {first} + 10")
        assert_picture_changes(tab, before)
        tab.wait(f"{CARDS}.length > 0 && {NEWEST}.querySelectorAll('img').length == 4 && {ALL_LOADED}", 30)
        # It may be announced before it is over; the line is printed when it is.
        tab.wait(f"!{NEWEST}.textContent.includes('Not over yet')", 30)
        shown = tab.js(f"{NEWEST}.querySelector('h3').textContent")
        label = line_with(program, r"micro +frames \d+-\d+-\d+ +\S+").split()[-1]
        assert shown == (label.capitalize() if label in CLASSES else "Not named")

        # The recognise process dies and comes back; the page goes on.
        recognise = named(program.pid, "recognise")
        recognise.kill()
        tab.wait("document.querySelector('.processes')?.textContent.includes('recognise ↻1')", 15)
        frame = tab.js(FRAME)
        tab.wait(f"{FRAME} > {frame}")
        assert tab.foreign() == []
        assert tab.complaints == []

        # The end takes the page's process along.
        dashboard = named(program.pid, "dashboard")
        program.send_signal(signal.SIGINT)
        assert program.wait(15) == 0
        assert not dashboard.is_running()


def named(pid: int, role: str) -> psutil.Process:
    return next(child for child in psutil.Process(pid).children() if role in " ".join(child.cmdline()))
