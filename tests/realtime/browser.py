"""A headless Chromium over its DevTools protocol: what the page shows, says on its console and asks the network for."""

import base64
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)


def path() -> str | None:
    """Where a Chromium is, if there is one."""
    named = os.environ.get("APEXCAM_TEST_BROWSER")
    return named or next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome", "chrome")
            if (found := shutil.which(name))
        ),
        None,
    )


class Browser:
    """One tab. ``requests`` every address asked for, ``complaints`` errors and warnings of the console."""

    def __init__(
        self, width: int = 1440, height: int = 900, *, scale: float = 1.0, mobile: bool = False
    ) -> None:
        from websockets.sync.client import connect

        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._numbers = itertools.count(1)
        self._open = contextlib.ExitStack()
        self._folder = tempfile.mkdtemp(prefix="apexcam-browser-")
        program = path()
        assert program is not None
        self.process = subprocess.Popen(
            [
                program,
                *FLAGS,
                f"--user-data-dir={self._folder}",
                f"--window-size={width},{height}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = wait(self._port, "the browser did not start", 20)
            with contextlib.closing(_get(port, "/json/list")) as answer:
                tab = next(one for one in json.load(answer) if one["type"] == "page")
            self._socket = self._open.enter_context(
                connect(tab["webSocketDebuggerUrl"], max_size=None, compression=None)
            )
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.call(f"{domain}.enable")
            self.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=scale,
                mobile=mobile,
            )
        except BaseException:
            self.close()
            raise

    def _port(self) -> int | None:
        file = Path(self._folder) / "DevToolsActivePort"
        with contextlib.suppress(OSError, ValueError, IndexError):
            return int(file.read_text().split()[0])
        return None

    def call(self, method: str, **parameters: Any) -> Any:
        """One command and its answer; events meanwhile are noted."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=20))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        what = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests.append(what["request"]["url"])
            case "Network.webSocketCreated":
                self.requests.append(what["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(what["exceptionDetails"])[:600])
            case "Runtime.consoleAPICalled" if what["type"] in ("error", "warning", "assert"):
                self.complaints.append(json.dumps(what["args"])[:600])
            case "Log.entryAdded" if what["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{what['entry']['text']} {what['entry'].get('url', '')}")

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)

    def js(self, code: str) -> Any:
        """The value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{code}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, code: str, timeout_s: float = 10.0) -> None:
        """Waits until the expression is true in the page."""
        test = f"(() => {{ try {{ return !!({code}) }} catch {{ return false }} }})()"
        wait(lambda: self.js(test), f"not so within {timeout_s:g} s: {code}", timeout_s)

    def key(self, key: str, code: str, text: str = "") -> None:
        """Presses and releases a key."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code,
                text=text if kind == "keyDown" else "",
            )

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """A PNG of what is visible, or of the whole page."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def foreign(self) -> list[str]:
        """Requests that were for another machine."""
        self.js("0")
        local = ("127.0.0.1", "localhost", "::1")
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in ("data", "blob", "about") and urlsplit(url).hostname not in local
        ]

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._open.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def wait(ask: Callable[[], Any], otherwise: str, timeout_s: float = 10.0) -> Any:
    """Asks until the answer is true; the answer. AssertionError after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.1)


def _get(port: int, where: str) -> Any:
    from urllib.request import ProxyHandler, build_opener

    return build_opener(ProxyHandler({})).open(f"http://127.0.0.1:{port}{where}", timeout=10)
