"""A member of staff at work in a browser: every click, field and key is counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import FilePayload, Page, expect


class Effort(NamedTuple):
    """What a task takes. A tick is a click; a chosen option and a text are a field each."""

    clicks: int = 0
    fields: int = 0
    keys: int = 0


@dataclass(slots=True)
class AtWork:
    """The only way in which a test of a task acts on its page.

    A task begins at an address; from there on, it moves by links, forms and keys.
    """

    page: Page
    most: Mapping[str, Effort]
    """The most that each task may take, by its name."""
    done: list[Effort] = field(default_factory=list)

    @contextmanager
    def task(self, name: str, *, at: str) -> Iterator[None]:
        """Play a task that begins at the address `at`; it fails if it takes more than it may."""
        self.page.goto(at)
        self.done.clear()
        yield
        spent = Effort(*map(sum, zip(*self.done, strict=True))) if self.done else Effort()
        over = [mine for mine, most in zip(spent, self.most[name], strict=True) if mine > most]
        assert not over, f"{name}: {spent}, and it may take {self.most[name]}"

    def click(self, selector: str) -> None:
        self.done.append(Effort(clicks=1))
        self.page.click(selector)

    def fill(self, selector: str, text: str) -> None:
        self.done.append(Effort(fields=1))
        self.page.fill(selector, text)

    def choose(self, selector: str, option: str) -> None:
        self.done.append(Effort(fields=1))
        self.page.select_option(selector, option)

    def attach(self, selector: str, file: FilePayload) -> None:
        """Choose a file."""
        self.done.append(Effort(fields=1))
        self.page.set_input_files(selector, file)

    def press(self, key: str) -> None:
        self.done.append(Effort(keys=1))
        self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type into the field that has the focus."""
        self.done.append(Effort(fields=1))
        self.page.keyboard.type(text)

    def download(self, selector: str) -> str:
        """Click a link to a file; return its text."""
        self.done.append(Effort(clicks=1))
        with self.page.expect_download() as begun:
            self.page.click(selector)
        return Path(begun.value.path()).read_text()

    def sees(self, selector: str, *texts: str) -> None:
        """Wait until the first match has all these texts."""
        for text in texts or ("",):
            expect(self.page.locator(selector).first).to_contain_text(text)

    def counts(self, selector: str, number: int) -> None:
        """Wait until there are as many matches."""
        expect(self.page.locator(selector)).to_have_count(number)

    def title(self) -> str:
        return self.page.inner_text("h1")
