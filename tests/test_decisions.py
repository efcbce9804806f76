"""The pages of `docs/decisions/` follow their form, stand in the index, and link to what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "decisions"
INDEX = FOLDER / "README.md"
PAGES = sorted(set(FOLDER.glob("*.md")) - {INDEX})
LINK = re.compile(r"\]\(([^)#]+)")


def exists(path: Path) -> bool:
    """Return whether a file exists, or a module whose link leaves out the ending."""
    return path.exists() or path.with_suffix(".py").exists()


def test_every_page_stands_once_in_the_index_under_its_title() -> None:
    rows = re.findall(r"^\| \[(.+)\]\((.+)\) \| .+ \|$", INDEX.read_text("utf-8"), re.MULTILINE)
    assert sorted(rows, key=lambda row: row[1]) == [
        (page.read_text("utf-8").splitlines()[0].removeprefix("# "), page.name) for page in PAGES
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_has_the_four_parts(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
        "## Where",
    ]
    assert 10 <= len(lines) <= 30
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("page", [*PAGES, INDEX, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"], ids=lambda p: p.stem)
def test_links_lead_to_what_exists(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if not link.startswith("http")]
    assert links
    assert [link for link in links if not exists(page.parent / link)] == []
