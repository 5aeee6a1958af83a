"""No connection but to this machine, no look-up of a name: every process of a real run is traced."""

import ipaddress
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CALLS = "connect,sendto,sendmsg,sendmmsg"
INET = re.compile(
    r"sa_family=AF_INET6?, sin6?_port=htons\((\d+)\).*?(?:inet_addr\(|inet_pton\(AF_INET6, )\"([^\"]+)\""
)
UNIX_RESOLVER = re.compile(r'sun_path="[^"]*(?:resolve|mDNSResponder)[^"]*"')


def why_not() -> str:
    """Why nothing can be traced here; empty where it can."""
    if sys.platform != "linux":
        return "connections are traced with strace, on Linux"
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True, check=False)
    return f"strace does not work here: {tried.stderr.strip()[-200:]}" if tried.returncode else ""


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "traced")


def abroad(command: list[str], folder: Path, **more: str) -> list[str]:
    """Every connection and message of a command and its processes that is not loopback, and every look-up."""
    trace, home = folder / "trace", folder / "home"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    env |= {"HOME": str(home), "PYTHONPATH": str(ROOT), **more}
    done = subprocess.run(
        ["strace", "-f", "-s", "200", "-e", f"trace={CALLS}", "-o", str(trace), sys.executable, *command],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [path for path in home.rglob("*") if "onnxruntime" in path.name], "telemetry was collected"
    lines = trace.read_text(errors="replace").splitlines()
    return [line for line in lines if goes_abroad(line)]


def goes_abroad(line: str) -> bool:
    """A name server on loopback asks others: port 53 is never a conversation with ourselves."""
    found = INET.search(line)
    if found is None:
        return bool(UNIX_RESOLVER.search(line))
    return found[1] == "53" or not ipaddress.ip_address(found[2]).is_loopback


def test_a_look_up_and_a_connection_are_seen(tmp_path: Path) -> None:
    ask = (
        "import contextlib, socket\n"
        "with contextlib.suppress(OSError): socket.getaddrinfo('apexcam.invalid', 80)\n"
        "with contextlib.suppress(OSError): socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))\n"
    )
    seen = abroad(["-c", ask], tmp_path)
    assert any("192.0.2.1" in line for line in seen)
    assert any("htons(53)" in line or UNIX_RESOLVER.search(line) for line in seen)


def test_a_live_run_speaks_with_nobody_abroad(tmp_path: Path) -> None:
    command = ["-m", "realtime.cli", "live", "demo", "--duration", "1", "--set", "source.fps=30"]
    settings = ["dashboard.open=false", "dashboard.port=0", "bus.endpoint=tcp://127.0.0.1:*"]
    command += [word for setting in settings for word in ("--set", setting)]
    # A machine whose services report to a collector: the page's server must not join them.
    collector = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://192.0.2.1:4318",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
    }
    assert abroad(command, tmp_path, **collector) == []


def test_an_analysis_speaks_with_nobody_abroad(tmp_path: Path) -> None:
    command = ["-m", "realtime.cli", "analyze", "demo", "--frames", "20", "--out", str(tmp_path / "out")]
    assert abroad([*command, "--set", "source.fps=30"], tmp_path) == []
