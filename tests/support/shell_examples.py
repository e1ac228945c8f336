"""Do what a page of the manual says, in a shell or in Python, and compare the responses.

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
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

TABS = re.compile(r'(<div class="tabs">.*?</div>)', re.DOTALL)
BLOCK = re.compile(r'<pre class="(\w+)"([^>]*)><code>(.*?)</code></pre>', re.DOTALL)
NAMED = re.compile(r"^((?:export )?(\w+)=)(?:\S*…|123456)(.*)$", re.MULTILINE)
LEFT_OUT = re.compile(r"…(?=\s*[}\]])")
ANYTHING = {"…": "…"}
END = "--- end of block, with"


class Block(NamedTuple):
    """What the page shows: something to run, or what it answers."""

    kind: str
    file: str
    text: str
    in_tabs: bool = False


def blocks(page: str) -> list[Block]:
    return [
        Block(kind, "".join(re.findall(r'data-file="([^"]*)"', about)), html.unescape(text), odd)
        for at, part in enumerate(TABS.split(page))
        for odd in [bool(at % 2)]
        for kind, about, text in BLOCK.findall(part)
    ]


class Reader:
    """Somebody who types what a page says, in one shell, in a folder of their own.

    Of examples in tabs they read those in curl.
    """

    skips = "python"
    """The kind of examples in tabs that they don't read."""

    def __init__(self, folder: Path, values: dict[str, str]) -> None:
        self.folder, self.values, self.said = folder, values, ""
        self.shell = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "LC_ALL": "C.UTF-8",
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
        """Type a block of the shell, keep a file, or run a program."""
        if block.kind == "sh":
            return self.type(NAMED.sub(self.value, block.text))
        file = self.folder / (block.file or "example.py")
        file.write_text(block.text + "\n")
        return None if block.file else self.type(f"python {file.name}")

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


class PythonReader(Reader):
    """Somebody who reads the tab Python, and runs the examples of a page in one session."""

    skips = "sh"

    def __init__(self, folder: Path, values: dict[str, str]) -> None:
        super().__init__(folder, values)
        self.client = ModuleType("client")
        self.session: dict[str, Any] = {}

    def do(self, block: Block) -> None:
        if block.file == "client.py":
            exec(block.text, vars(self.client))
            self.call = self.client.call
            self.client.call = self.recorded  # type: ignore[attr-defined]
        if not block.in_tabs:
            return super().do(block)
        self.said = ""
        code = self.values.get("OTP", "")
        return exec(block.text.replace('"123456"', f'"{code}"'), self.session)

    def recorded(self, *args: Any, **kwargs: Any) -> Any:
        status, answer = self.call(*args, **kwargs)
        self.said += f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\n\n{json.dumps(answer)}\n"
        return status, answer


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
        looked_for = head.splitlines()[: None if lines[1:] else 1]  # Python shows the status only
        missing = [line for line in looked_for if not any(is_like(line, each) for each in lines)]
        return [*missing, *differences(body, said_body)]
    if said.startswith("HTTP/"):  # shown without -i
        said = re.sub(r"^HTTP/.*\n\n", "", said, flags=re.MULTILINE)
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
