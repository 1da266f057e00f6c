"""Drives Firefox over WebDriver BiDi (W3C Working Draft, "WebDriver BiDi"), which Firefox speaks by itself: no driver
program stands between."""

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PATIENCE = 60.0
"""Seconds; the machine may be busy."""
PREFERENCES = {
    # A camera that shows a moving pattern, and nobody to allow it.
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    # Nothing is asked of anybody but the page.
    "app.update.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.server": "",
}


class Firefox:
    """One page.

    Args:
        connection: to the browser.
        downloads: folder of what it saves.

    Attributes:
        complaints: errors that the page's scripts have raised.
    """

    def __init__(self, connection: ClientConnection, downloads: Path) -> None:
        self._connection, self._number = connection, 0
        self.downloads = downloads
        self.complaints: list[str] = []
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded"])
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def open(self, url: str, size: tuple[int, int]) -> None:
        """Go to a page, in a window of a width and a height."""
        self._ask("browsingContext.setViewport", context=self._context, viewport={"width": size[0], "height": size[1]})
        self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression, or of what it promises; whatever JSON can hold."""
        answer = self._ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({expression})))()",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] != "success":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"]) if "value" in answer["result"] else None

    def wait_for(self, expression: str, patience: float = PATIENCE) -> Any:
        """Until a JavaScript expression is true, as JavaScript has it; its value."""
        deadline = time.monotonic() + patience
        while (found := self.value(f"(await ({expression})) || null")) is None:
            assert time.monotonic() < deadline, f"not within {patience:.0f} s: {expression}"
            time.sleep(0.1)
        return found

    def press(self, key: str) -> None:
        """A key, by what it is in the standard: "\\ue014" is the right arrow."""
        strokes = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._perform([{"type": "key", "id": "keyboard", "actions": strokes}])

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the mouse at a place of the window, and let go of it at another."""
        steps = [
            {"type": "pointerMove", "x": round(start[0]), "y": round(start[1])},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerMove", "x": round(end[0]), "y": round(end[1]), "duration": 100},
            {"type": "pointerUp", "button": 0},
        ]
        self._perform([{"type": "pointer", "id": "mouse", "actions": steps}])

    def click(self, selector: str) -> None:
        """In the middle of the first visible element of a selector."""
        x, y = self.middle(selector)
        self.drag((x, y), (x, y))

    def middle(self, selector: str) -> tuple[float, float]:
        """Of the first visible element of a selector, once it is there."""
        place = f"""(() => {{ const it = [...document.querySelectorAll({json.dumps(selector)})]
            .find((one) => one.getClientRects().length);
            if (!it) return null;
            it.scrollIntoView({{ block: "nearest" }});
            const r = it.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"""
        x, y = self.wait_for(place)
        return x, y

    def choose_file(self, selector: str, path: Path) -> None:
        """For an input of files."""
        nodes = self._ask(
            "browsingContext.locateNodes", context=self._context, locator={"type": "css", "value": selector}
        )["nodes"]
        element = {"sharedId": nodes[0]["sharedId"]}
        self._ask("input.setFiles", context=self._context, element=element, files=[str(path)])

    def picture(self) -> bytes:
        """What shows, a PNG file."""
        return base64.b64decode(self._ask("browsingContext.captureScreenshot", context=self._context)["data"])

    def _perform(self, actions: list[dict[str, Any]]) -> None:
        self._ask("input.performActions", context=self._context, actions=actions)

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while (answer := json.loads(self._connection.recv(PATIENCE))).get("id") != self._number:
            said = answer.get("params", {})
            if answer.get("method") == "log.entryAdded" and said["level"] == "error":
                self.complaints.append(f"{said['text']} {said.get('stackTrace')}")
        assert answer["type"] == "success", f"{method}: {answer.get('error')}: {answer.get('message')}"
        return answer["result"]


@contextlib.contextmanager
def firefox(clock: Callable[[], float] = time.monotonic) -> Iterator[Firefox]:
    """A browser with a profile of its own, which goes away with it."""
    assert FIREFOX is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        downloads = Path(profile) / "downloads"
        downloads.mkdir()
        # Into a folder of one's own choice.
        preferences = PREFERENCES | {"browser.download.folderList": 2, "browser.download.dir": str(downloads)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in preferences.items()]
        (Path(profile) / "user.js").write_text("\n".join(lines))
        command = [FIREFOX, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as program:
            try:
                place, deadline = Path(profile) / "WebDriverBiDiServer.json", clock() + PATIENCE
                while not place.exists() or not place.read_text():
                    assert clock() < deadline, "Firefox does not answer"
                    time.sleep(0.1)
                server = json.loads(place.read_text())
                url = f"ws://{server['ws_host']}:{server['ws_port']}/session"
                with connect(url, max_size=None, compression=None) as connection:
                    yield Firefox(connection, downloads)
            finally:
                program.terminate()
                program.communicate()
