"""Pages that people read: short lines, links that lead somewhere, and a README of one page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """Number and text of every line that is neither code, table nor picture."""
    code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        code ^= line.startswith("```")
        if not code and not line.startswith(("    ", "```", "|", "![")):
            yield number, line


@pages
def test_lines_are_short(page: Path) -> None:
    assert [number for number, line in prose(page) if len(line) > 100] == []


@pages
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    files = [page.parent / link for link in links if "://" not in link]
    assert [file for file in files if not file.exists()] == []


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


def test_the_architecture_names_the_files_that_are_there() -> None:
    there = {path.name for folder in ("vidstyle", "train", "tests", "docs") for path in (ROOT / folder).rglob("*.py")}
    named = set(re.findall(r"(\w+\.py)\b", (ROOT / "docs" / "architecture.md").read_text()))
    assert named - there == set()
    # Of commands and tabs it says that each is a file.
    paths = [path for path in (ROOT / "vidstyle").rglob("*.py") if not path.stem.startswith("__")]
    told = {path.name for path in paths if path.parent.name != "cli" and not path.stem.endswith("_tab")}
    assert told - named == set()
