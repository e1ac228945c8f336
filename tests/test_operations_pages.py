"""The pages for operators: every one is linked, every link lives, every command is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dev
from tests.support.deployment import SERVICES, config

FOLDER = dev.ROOT / "docs" / "operations"
PAGES = sorted(FOLDER.glob("*.md"))
REHEARSED = ("install", "upgrades", "backup", "secrets", "sizing", "incidents", "retention")
REHEARSAL = (dev.ROOT / "deploy" / "rehearse.sh").read_text()
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
BY_HAND = {
    ("install", "compose"),  # needs a container engine; `tests/test_compose.py` reads the file
    ("install", "packages"),  # by the administrator of the machine
    ("install", "venv"),  # in the rehearsal of somebody with a network
}


def slugs(page: Path) -> set[str]:
    """The fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def links() -> list[tuple[Path, str, str]]:
    pages = [*PAGES, dev.ROOT / "deploy" / "README.md", dev.ROOT / "docs" / "settings.md"]
    return [(page, *found) for page in pages for found in LINK.findall(page.read_text())]


def blocks(page: str) -> dict[str, str]:
    """The shell commands of a page by their names."""
    text = (FOLDER / f"{page}.md").read_text()
    assert "```sh\n" not in text, "a block without a name"
    return dict(re.findall(r"^```sh ([\w-]+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def run_blocks() -> set[tuple[str, str]]:
    """The blocks that the rehearsal runs."""
    found = set(re.findall(r"^ *(?:INSTANT=\S+ )?block (\w+) ([\w-]+)", REHEARSAL, re.MULTILINE))
    for names, page in re.findall(r"for name in (.+?); do block (\w+)", REHEARSAL):
        found |= {(page, name) for name in names.split()}
    return found


def test_index_links_every_page():
    linked = {name for name, _ in LINK.findall((FOLDER / "README.md").read_text())}
    assert {page.name for page in PAGES} - {"README.md"} <= linked


@pytest.mark.parametrize(("page", "target", "fragment"), links())
def test_link_of_a_page_leads_somewhere(page, target, fragment):
    file = (page.parent / target).resolve() if target else page
    assert file.exists()
    if fragment and file.suffix == ".md":
        assert fragment in slugs(file)


@pytest.mark.parametrize("page", REHEARSED)
def test_each_command_of_a_page_is_rehearsed(page):
    shown = {(page, name) for name in blocks(page)}
    assert shown - run_blocks() - BY_HAND == set()


def test_rehearsal_runs_only_blocks_that_exist():
    shown = {(page, name) for page in REHEARSED for name in blocks(page)}
    assert run_blocks() <= shown


def test_page_and_containers_have_the_same_roles():
    shown = re.findall(r"<<'SQL'\n(.*?)SQL$", blocks("install")["database"], re.DOTALL)
    script = re.findall(r"<<'SQL'\n(.*?)SQL$", config("roles"), re.MULTILINE | re.DOTALL)
    assert [part.split() for part in shown] == [part.split() for part in script]


def test_page_keeps_the_log_as_quiet_as_the_containers():
    shown = re.findall(r"SET (\w+) = '?([\w-]+)'?;", blocks("install")["quiet"])
    flags = [tuple(flag.removeprefix("--").split("=")) for flag in SERVICES["db"]["command"][1:]]
    assert sorted(shown) == sorted(flags)


def test_environment_of_compose_has_all_that_compose_requires():
    needed = set(re.findall(r"\$\{(\w+):\?\}", (dev.ROOT / "compose.yaml").read_text()))
    given = set(re.findall(r"^(\w+)=", blocks("install")["compose"], re.MULTILINE))
    assert needed <= given


@pytest.mark.parametrize("figure", ["1,920", "11,694", "567 µs", "251", "169 MiB", "1.05"])
def test_figure_of_the_sizing_is_in_the_benchmarks(figure):
    assert figure in (FOLDER / "sizing.md").read_text()
    assert figure in (dev.ROOT / "docs" / "benchmarks.md").read_text()


def test_units_let_the_worker_write_anchors():
    folder = re.findall(r'ANCHORS_DIR="/var/lib/(.+)"', blocks("install")["secrets"])
    for name in ("iocash-web", "iocash-worker"):
        unit = (dev.ROOT / "deploy" / f"{name}.service").read_text()
        (allowed,) = re.findall(r"^StateDirectory=(.+)$", unit, re.MULTILINE)
        assert folder[0] in allowed.split()
