"""The house has floors: nothing imports what stands above it, early or late."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import vidstyle

PACKAGE = Path(vidstyle.__file__).parent
FLOORS = (
    {"errors"},
    {
        "output_files",
        "validation",
        "interruption",
        "allocator",
        "compiled",
        "processor",
        "privacy",
        "shipped",
        "plots",
        "steps",
        "hub_styles",
    },
    {"media", "work_folders"},
    {"perception"},
    {"nets"},
    {"lazy_network"},
    {"style_files", "engines"},
    {"any_style"},
    {"styles"},
    {"pipeline", "restyle_options", "stream"},
    {"video_runs"},
    {"restyling"},
    {"batch", "export", "keys"},
    {"farm"},
    {"live", "painter"},
    {"painting", "training", "bench", "contact_sheet"},
    {"demo"},
    {"cli"},
    {"__main__"},
)
"""From the ground up: modules and packages of vidstyle.  What shares a floor knows nothing of each other."""
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(module: str) -> str:
    """`media` of `vidstyle.media.sinks`; nothing of `vidstyle` itself, whose version and lazy names are for all."""
    return module.split(".")[1] if "." in module else ""


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and module of every import of ours in a file, inside functions and for types alone as well."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "vidstyle":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node.lineno, whole if node.module == "vidstyle" and alias.name != "__version__" else node.module
        elif isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "vidstyle")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
            (name,) = node.args
            if isinstance(name, ast.Constant) and str(name.value).startswith("vidstyle"):
                yield node.lineno, str(name.value)


def floor(name: str) -> int:
    """Which floor a room is on, counted from the ground."""
    (number,) = (number for number, rooms in enumerate(FLOORS) if name in rooms)
    return number


def test_every_module_has_a_floor_and_every_name_a_module() -> None:
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES}
    assert rooms == set().union(*FLOORS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_what_stands_beside_or_above_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for line, module in imported(path):
        other = room(module)
        if other and other != own:
            assert floor(other) < floor(own), f"{path}:{line}: {own} imports {module}"


def test_a_late_import_counts(tmp_path: Path) -> None:
    file = tmp_path / "late.py"
    file.write_text(
        "from vidstyle import cli, __version__\n"
        "def paint():\n    from vidstyle.demo.app import build_page\n    import_module('vidstyle.live')\n"
    )
    assert [module for _, module in imported(file)] == [
        "vidstyle.cli",
        "vidstyle",
        "vidstyle.demo.app",
        "vidstyle.live",
    ]


def test_nothing_but_the_command_line_trains() -> None:
    trains = {
        path.relative_to(PACKAGE).parts[0]
        for path in FILES
        for _, module in imported(path)
        if room(module) == "training"
    }
    assert trains == {"cli", "training"}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string in a file, those with values in them in parts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


POINTER = re.compile(r"\bvidstyle(?:\.\w+){2,}")
"""At something in a module of ours; shorter ones are names of files, or what `vidstyle` itself gathers."""


def pointed_at(pointer: str) -> tuple[Path, str]:
    """The file of `vidstyle.module.Name`, and the name in it, empty for a module."""
    place, parts = PACKAGE, [*pointer.split(".")[1:], ""]
    while (place / parts[0]).is_dir() and parts[0]:
        place /= parts.pop(0)
    module = place / f"{parts[0]}.py"
    return (module, parts[1]) if module.is_file() else (place / "__init__.py", parts[0])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_a_text_points_at_is_in_the_module_that_it_names(path: Path) -> None:
    for line, text in texts(path):
        for pointer in POINTER.findall(text):
            file, name = pointed_at(pointer)
            # A package gathers what its modules define.
            before = "" if file.name == "__init__.py" else r"^(?:(?:async )?(?:class|def) |(?:\w+, )*)"
            assert re.search(rf"{before}\b{name}", file.read_text(), re.MULTILINE), f"{path}:{line}: {pointer}"


COMMANDS = {
    "demo/guard.py": "tells whoever runs the demo how it is started",
    "farm/driver.py": "names a command of Ray's",
    "demo/style_making.py": "starts `vidstyle train`",
    "media/window.py": "names an option of pip",
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_below_the_command_line_nobody_knows_its_options(path: Path) -> None:
    if path.parent.name == "cli" or str(path.relative_to(PACKAGE)) in COMMANDS:
        return
    for line, text in texts(path):
        assert not re.search(r"(?<![\w-])--(?!help)[a-z]", text), f"{path}:{line}: {text}"


def test_no_two_files_share_a_name() -> None:
    names = [path.name for path in FILES if path.name != "__init__.py" and path.parent.name != "cli"]
    assert sorted(names) == sorted(set(names))


def test_no_two_classes_share_a_name() -> None:
    classes = Counter(
        node.name
        for path in FILES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in classes.items() if count > 1] == []


def test_no_two_limits_of_the_demo_share_a_name() -> None:
    limits = Counter(
        name.id
        for path in (PACKAGE / "demo").glob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and re.match("(MOST|LARGEST|LEAST|LONGEST)_", name.id)
        if isinstance(name.ctx, ast.Store)
    )
    assert limits["LARGEST_VIDEO"] == 1
    assert [name for name, count in limits.items() if count > 1] == []
