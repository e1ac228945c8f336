"""Do what a page of the manual says, in a shell, and compare the responses.

A page names values that differ between readers: `WALLET=0198…`. Who runs it says what they are;
one that nobody knows is the id in the last answer, as the page says.
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from dev import ROOT

PYTHON_CLIENT = ROOT / "clients" / "python" / "src"

TABS = re.compile(r'(<div class="tabs">.*?</div>)', re.DOTALL)
BLOCK = re.compile(r'<pre class="(\w+)"([^>]*)><code>(.*?)</code></pre>', re.DOTALL)
NAMED = re.compile(r"^((?:export )?(\w+)=)(?:\S*…|123456)(.*)$", re.MULTILINE)
LEFT_OUT = re.compile(r"…(?=\s*[}\]])")
ANYTHING = {"…": "…"}
END = "--- end of block, with"


class Block(NamedTuple):
    """What the page shows: something to run, or what it answers."""

    kind: str
    label: str
    text: str
    group: int = 0
    """The number of the tabs in which it is; 0: in none."""

    def is_read(self, kind: str) -> bool:
        """Whether somebody runs it who reads the tabs of this kind; all define the function."""
        is_shell = self.kind == "sh" and (not self.group or self.text.startswith("api()"))
        return is_shell or self.kind == kind

    def is_of_another(self, kind: str) -> bool:
        """Whether only the program of another language prints this."""
        return self.label == "Printed by Python" and kind != "python"


def blocks(page: str) -> list[Block]:
    return [
        Block(
            kind,
            "".join(re.findall(r'aria-label="([^"]*)"', about)),
            html.unescape(text),
            at if at % 2 else 0,
        )
        for at, part in enumerate(TABS.split(page))
        for kind, about, text in BLOCK.findall(part)
    ]


class Reader:
    """Somebody who types what a page says, in one shell, in a folder of their own."""

    kind = "sh"
    """The kind of examples in tabs that they read."""

    def __init__(self, folder: Path, values: dict[str, str]) -> None:
        self.folder, self.values, self.said = folder, values, ""
        self.printed = ""
        self.shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": str(PYTHON_CLIENT),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> None:
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.close()
        self.shell.wait(10)
        self.shell.stdout.close()

    def do(self, block: Block) -> None:
        """Type a block of the shell."""
        assert block.kind == "sh", block.kind
        self.type(NAMED.sub(self.value, block.text))
        self.printed = self.said

    def answered(self, block: Block) -> str:
        """What came of what `block` shows: the responses, or what a program has printed."""
        return self.printed if block.label.startswith("Printed") else self.said

    def value(self, named: re.Match[str]) -> str:
        field = "userId" if "userId" in named[3] else "id"
        known = self.values.get(named[2]) or first(field, self.said)
        assert known, f"nobody knows {named[2]}"
        return f"{named[1]}{known}{named[3]}"

    def type(self, text: str) -> None:
        assert self.shell.stdin
        self.shell.stdin.write(f"{text}\necho\necho {END} $?\n")
        self.shell.stdin.flush()
        self.said = "".join(self.lines()).strip()

    def lines(self) -> Iterator[str]:
        assert self.shell.stdout
        for line in iter(self.shell.stdout.readline, ""):
            if line.startswith(END):
                return
            yield line


def first(field: str, said: str) -> str:
    """The id in an answer: its own, or that of the first thing on a page."""
    found = re.findall(rf'"{field}":"([0-9a-f-]{{36}})"', said)
    return found[0] if found else ""


# --- What is shown -------------------------------------------------------------------------------


def differences(shown: str, said: str) -> list[str]:
    """Name all that is shown and was not said; empty when the page is true."""
    if shown.startswith("HTTP/"):
        head, _, body = shown.partition("\n\n")
        said_head, _, said_body = said.replace("\r", "").partition("\n\n")
        lines = said_head.splitlines()
        missing = [
            line for line in head.splitlines() if not any(is_like(line, each) for each in lines)
        ]
        return [*missing, *differences(body, said_body)]
    if said.startswith("HTTP/"):  # shown without -i
        said = re.sub(r"^HTTP/(?:.+\n)+\n", "", said, flags=re.MULTILINE)
    if not shown.startswith("{"):
        return [] if is_like(shown, said) else [f"{shown!r} is not {said!r}"]
    answers, real = objects(LEFT_OUT.sub('"…": "…"', shown)), objects(said)
    if len(answers) != len(real):
        return [f"{len(answers)} answers are shown, and these came: {said}"]
    return [
        words for one, other in zip(answers, real, strict=True) for words in unlike(one, other, "")
    ]


def objects(text: str) -> list[Any]:
    """The JSON objects that stand one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        found.append(value)
        text = text[end:]
    return found


def unlike(shown: Any, real: Any, place: str) -> Iterator[str]:
    if isinstance(shown, dict) and isinstance(real, dict):
        extra = set() if "…" in shown else real.keys() - shown.keys()
        yield from (f"{place}.{name} is not shown" for name in sorted(extra))
        for name in shown.keys() - ANYTHING.keys():
            if name in real:
                yield from unlike(shown[name], real[name], f"{place}.{name}")
            else:
                yield f"{place}.{name} is not there"
    elif isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        for number, (one, other) in enumerate(zip(shown, real, strict=True)):
            yield from unlike(one, other, f"{place}[{number}]")
    elif isinstance(shown, str) and isinstance(real, str):
        if not is_like(shown, real):
            yield f"{place} is {real!r}, not {shown!r}"
    elif type(shown) is not type(real) or shown != real:
        yield f"{place} is {real!r}, not {shown!r}"


def is_like(shown: str, real: str) -> bool:
    """Whether they are the same, where `…` stands for anything; an id may begin otherwise."""
    pattern = ".+".join(map(re.escape, shown.replace("0198…", "0…").split("…")))
    return bool(re.fullmatch(pattern, real, re.DOTALL | re.IGNORECASE))
