"""Loops that Numba compiles, and what is kept of them."""

import errno
import importlib
import importlib.util
import sys
import threading
from pathlib import Path

import numba
import pytest
from numba.core.caching import IndexDataCacheFile
from numba.core.dispatcher import Dispatcher
from waiting import PATIENCE, wait_for

import vidstyle
from vidstyle.compiled import compiled_elsewhere, is_compiling
from vidstyle.live import compiling
from vidstyle.pipeline import Stopped
from vidstyle.stream import patch_flow

LOOPS = """
from numbers_used import FACTOR
from vidstyle.compiled import compiled

@compiled()
def times(x):
    return FACTOR * x
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module with a loop, in a folder of its own, where it is kept unless something is in the way."""
    (tmp_path / "loops.py").write_text(LOOPS)
    (tmp_path / "numbers_used.py").write_text("FACTOR = 3.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    for name in ("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path


def call(folder: Path) -> tuple[float, int]:
    """What the loop gives when its module is loaded anew, and how often that was of what had been kept."""
    sys.modules.pop("numbers_used", None)
    spec = importlib.util.spec_from_file_location("loops", folder / "loops.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.times(2.0), sum(module.times.stats.cache_hits.values())


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_a_loop_is_compiled_once_and_again_where_what_was_kept_is_torn(folder: Path, suffix: str) -> None:
    assert [call(folder), call(folder)] == [(6.0, 0), (6.0, 1)]
    (kept,) = (folder / "__pycache__").glob(f"*.{suffix}")
    kept.write_bytes(kept.read_bytes()[:-9])
    assert [call(folder), call(folder)] == [(6.0, 0), (6.0, 1)]


def test_a_loop_that_is_compiled_is_told_from_one_that_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    for name in ("save", "load"):
        does = getattr(IndexDataCacheFile, name)
        monkeypatch.setattr(IndexDataCacheFile, name, lambda *a, does=does: (told.append(is_compiling()), does(*a))[1])
    call(folder)
    call(folder)
    # It looks for what was kept, keeps what it has compiled, and finds that.
    assert told == [False, True, False]
    assert not is_compiling()


def test_what_others_compile_and_keep_is_not_compiled_here(folder: Path) -> None:
    asked: list[tuple[float, int]] = []
    with compiled_elsewhere(lambda: asked.append(call(folder))):
        assert call(folder) == (6.0, 1)
        (folder / "numbers_used.py").write_text("FACTOR = 4.0\n")
        assert call(folder) == (8.0, 0), "once"
    assert asked == [(6.0, 0)]


def test_what_others_do_not_compile_is_compiled_here(folder: Path) -> None:
    with compiled_elsewhere(lambda: None):
        assert call(folder) == (6.0, 0)
    with compiled_elsewhere(lambda: pytest.fail("it is there")):
        assert call(folder) == (6.0, 1)


def test_a_live_session_has_its_loops_compiled_by_a_process_for_which_it_need_not_wait(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = folder / "asked"
    keeps = f"import sys, time; open({str(asked)!r}, 'w').write(sys.stdin.readline()); time.sleep(60)"
    monkeypatch.setattr(compiling, "PROGRAM", keeps)
    monkeypatch.setattr("vidstyle.stream.stream.prepare", lambda planar: call(folder))
    notes: list[str] = []
    compiler = compiling.Compiler(notes.append)
    raised: list[BaseException] = []

    def prepare() -> None:
        try:
            compiler.prepare(planar=True)
        except Stopped as error:
            raised.append(error)

    assert (compiler.notice, notes) == ("", [])
    thread = threading.Thread(target=prepare)
    thread.start()
    wait_for(lambda: asked.exists() and asked.read_text())
    assert asked.read_text() == '{"prepare": true}\n'
    assert compiler.notice == "compiling"
    assert notes == ["compiling for this machine, which has to be done once"]
    compiler.close()
    thread.join(PATIENCE)
    assert len(raised) == 1
    assert compiler.notice == ""


def test_a_loop_is_compiled_anew_when_a_number_from_another_file_has_changed(folder: Path) -> None:
    assert call(folder) == (6.0, 0)
    (folder / "numbers_used.py").write_text("FACTOR = 50.0\n")
    assert [call(folder), call(folder)] == [(100.0, 0), (100.0, 1)]


def test_a_loop_runs_where_nothing_can_be_kept(folder: Path) -> None:
    # Files where folders would be: unlike rights, they hold for everybody.
    (folder / "home").touch()
    (folder / "__pycache__").touch()
    assert [call(folder), call(folder)] == [(6.0, 0), (6.0, 0)]


def test_a_loop_runs_where_the_disk_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    assert call(folder) == (6.0, 0)


PACKAGE = Path(vidstyle.__file__).parent


def test_every_loop_is_compiled_by_it() -> None:
    assert {path.name for path in PACKAGE.rglob("*.py") if "njit" in path.read_text()} == {"compiled.py"}


def test_loops_that_are_called_by_others_become_part_of_them() -> None:
    # Otherwise the first run on a machine, which compiles them, rounds other than those that read them from disk.
    called = {}
    for path in PACKAGE.rglob("*.py"):
        if "@compiled(" in path.read_text():
            module = importlib.import_module(".".join(("vidstyle", *path.relative_to(PACKAGE).with_suffix("").parts)))
            loops = [value for value in vars(module).values() if isinstance(value, Dispatcher)]
            for loop in loops:
                used = loop.py_func.__code__.co_names
                called |= {name: loop.py_func.__globals__[name] for name in used if name in loop.py_func.__globals__}
    parts = {name: loop for name, loop in called.items() if isinstance(loop, Dispatcher)}
    assert "_fit" in parts
    assert [name for name, loop in parts.items() if not loop.targetoptions["forceinline"]] == []


def test_what_writes_vector_code_counts_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def digests() -> list[str]:
        return [vidstyle.compiled._used(loop.py_func) for loop in (patch_flow.lay_patches, patch_flow.search_patches)]

    before, real = digests(), vidstyle.compiled._file
    # Eight numbers at a time are read by what is in another file.
    monkeypatch.setattr(
        vidstyle.compiled, "_file", lambda path: "changed" if path.endswith("gathering.py") else real(path)
    )
    assert all(one != other for one, other in zip(before, digests(), strict=True))
