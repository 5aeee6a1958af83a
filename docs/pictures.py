"""``make pictures``: the README's pictures, made by the program itself; none without a Chromium, which it says."""

import base64
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "realtime"))
import browser  # noqa: E402

FPS = 100
CARDS = "document.querySelectorAll('article.micro')"
LOADED = f"[...{CARDS}].slice(0, 3).every(card => [...card.querySelectorAll('img')].every(i => i.naturalWidth > 50))"


def main() -> int:
    """Writes dashboard.png and report.png beside this file."""
    if browser.path() is None:
        print("pictures: no Chromium here (Debian: apt install chromium); none made")
        return 0
    dashboard(HERE / "dashboard.png")
    report(HERE / "report.png")
    return 0


def apexcam(*arguments: str) -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-c", "from realtime.cli import main; main()", *arguments]


def dashboard(file: Path) -> None:
    """The page of a demo that has seen a micro-expression of three kinds, or a few."""
    settings = (
        "bus.endpoint=tcp://127.0.0.1:*",
        "dashboard.port=0",
        "dashboard.open=false",
        f"source.fps={FPS}",
    )
    options = [part for setting in settings for part in ("--set", setting)]
    program = subprocess.Popen(
        apexcam("live", "demo", "--duration", "120", *options),
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE.parent,
    )
    try:
        assert program.stdout is not None
        said = (re.search(r"dashboard (http://\S+)", line) for line in program.stdout)
        url = next(found.group(1) for found in said if found)
        with browser.Browser(1440, 900) as tab:
            tab.open(url)
            tab.wait(f"new Set([...{CARDS}].map(card => card.querySelector('h3').textContent)).size >= 3", 60)
            # One that just came is still at the edge of the curves.
            time.sleep(1.5)
            tab.wait(LOADED)
            tab.screenshot(file)
    finally:
        program.send_signal(signal.SIGINT)
        program.wait(20)
    print(f"pictures: {file}")


def report(file: Path) -> None:
    """The report of half a minute of the demo, down to its first micro-expression."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            apexcam("analyze", "demo", "--fps", str(FPS), "--frames", str(20 * FPS), "--out", folder),
            check=True,
            cwd=HERE.parent,
        )
        with browser.Browser(1240, 900) as tab:
            tab.open((Path(folder) / "report.html").as_uri())
            tab.wait("document.readyState == 'complete' && document.querySelector('article')")
            bottom = tab.js("document.querySelector('article').getBoundingClientRect().bottom + scrollY + 16")
            clip = {"x": 0, "y": 0, "width": 1240, "height": bottom, "scale": 1}
            shot = tab.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
            file.write_bytes(base64.b64decode(shot["data"]))
    print(f"pictures: {file}")


if __name__ == "__main__":
    sys.exit(main())
