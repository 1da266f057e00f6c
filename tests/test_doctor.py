"""`vidstyle doctor`: what is here, what is missing, and how to get it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import Result

from vidstyle import __version__
from vidstyle.bench import machine
from vidstyle.bench.machine import Finding

Cli = Callable[..., Result]


def test_everything_is_said_and_nothing_that_tells_who_is_at_home(
    run_cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("DISPLAY", "")
    monkeypatch.setenv("COLUMNS", "200")
    findings = {finding["name"]: finding for finding in json.loads(run_cli("doctor", "--json").out)}
    assert __version__ in findings["vidstyle"]["said"]
    for name in ("processor", "torch", "FFmpeg", "encoders", "styles", "cache"):
        assert findings[name]["here"], findings[name]
    assert findings["encoders"]["said"].startswith("h264, hevc")
    assert findings["cache"]["said"].startswith("~/.cache/vidstyle: 0 compiled networks")
    if findings["OpenVINO"]["here"]:
        assert findings["precision"]["said"].split()[0] in ("bf16", "int8", "f32")
    assert not findings["VGG"]["here"]
    shown = run_cli("doctor").out
    assert len(shown.splitlines()) < 25, "one screen"
    assert str(tmp_path) not in shown
    assert all(name in shown for name in findings)


def test_what_is_missing_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vidstyle.engines.openvino.is_usable", lambda: False)
    monkeypatch.setattr(machine, "EXTRAS", {"nothing": ("no_such_package", "vidstyle[nothing]")})
    findings = {finding.name: finding for finding in machine.examine()}
    assert findings["OpenVINO"] == Finding(
        "OpenVINO", False, "torch paints on the processor", "pip install openvino (x86 only)"
    )
    assert findings["nothing"].mend == "pip install 'vidstyle[nothing]'"


def test_what_breaks_while_it_is_looked_at_is_a_finding_too(run_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Finding]:
        raise OSError("the driver\nis gone")

    monkeypatch.setattr(machine, "LOOKS", (("GPU", broken), ("vidstyle", machine._program)))
    lines = run_cli("doctor").out.splitlines()
    assert lines[0].split(maxsplit=2) == ["--", "GPU", lines[0].split(maxsplit=2)[2]]
    assert "OSError: the driver is gone" in lines[0]
    assert lines[1].startswith("ok vidstyle")
