"""The examples of the guides in Python and in TypeScript, as programs that tests check and run."""

from __future__ import annotations

import io
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import groupby
from pathlib import Path
from textwrap import indent
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.test import Client as Browser

from iocash.docs import calls
from iocash.docs.client_calls import query_in
from iocash.docs.guides import APPLICATION, GUIDES, guide_context
from iocash.docs.in_clients import with_imports
from iocash.docs.layout import Blank
from iocash.docs.requests import VARIABLE, WrittenRequest, calls_of, written_requests
from tests.support import relay, shell_examples
from tests.support.relay import Exchange, Relay
from tests.support.shell_examples import Block, Reader

SERVER = "http://testserver"
REQUESTS = re.compile(r"{% requests( headers=True)? %}(.*?){% endrequests %}", re.DOTALL)
CODE = '"123456"'
OWN_CLIENT = re.compile(
    r"^(?:from iocash_client )?import .*\bClient\b(?!, errors, models$)", re.MULTILINE
)
STEP = "--- step"
PLACEHOLDER = re.compile(r"^const (\w+) = .*….*;$", re.MULTILINE)


def blocks_of(slug: str, host: str = "") -> list[Block]:
    """The blocks of a page as a host serves it; without a host, no database is asked."""
    if host:
        return shell_examples.blocks(
            Browser().get(f"/api/docs/{slug}", headers={"host": host}).text
        )
    (guide,) = [each for each in GUIDES if each.slug == slug]
    context = guide_context(guide, SERVER) | {"limits": [], "application": APPLICATION}
    return shell_examples.blocks(render_to_string(f"docs/{slug}.html", context))


def groups(blocks: list[Block]) -> Iterator[list[Block]]:
    """The blocks; those that are tabs of one example together."""
    for _, several in groupby(enumerate(blocks), lambda each: each[1].group or -each[0] - 1):
        yield [block for _, block in several]


def is_whole(block: Block) -> bool:
    """Whether an example makes its own client: it is none of those that share one."""
    return bool(OWN_CLIENT.search(block.text)) and "import { Client, errors }" not in block.text


# --- What a guide has written --------------------------------------------------------------------


def written_in(slug: str) -> list[tuple[bool, list[WrittenRequest]]]:
    """The requests of each example of a guide, and whether it shows headers."""
    text = (Path(settings.BASE_DIR) / "templates" / "docs" / f"{slug}.html").read_text()
    text = text.replace("{{ application }}", APPLICATION)
    return [(bool(found[1]), written_requests(found[2])) for found in REQUESTS.finditer(text)]


def by_python_text(slug: str) -> dict[str, list[WrittenRequest]]:
    """The requests of each example that has tabs, by its Python."""
    found = {}
    for has_headers, several in written_in(slug):
        pairs = zip(several, calls_of(several) or [], strict=False)
        lines = [each.python(call, show_headers=has_headers) for each, call in pairs]
        if lines:
            found[with_imports("\n".join(lines))] = several
    return found


def differences_of(
    written: list[WrittenRequest], sent: list[Exchange], known: dict[str, str]
) -> list[str]:
    """What of the requests that a client has sent differs from the written ones."""
    if len(written) != len(sent):
        return [f"{len(sent)} requests instead of {len(written)}"]
    found = []
    for one, other in zip(written, sent, strict=True):
        path, _, query = f"/api/v1{one.target}".partition("?")
        found += relay.unequal(
            other,
            one.method,
            "/".join(map(str, known_in(path.split("/"), other.path.split("/"), known))),
            known_in(query_in(query), other.query, known),
            known_in(one.body, other.body, known),
            one.headers.get("Idempotency-Key", ""),
        )
    return found


def known_in(written: Any, sent: Any, known: dict[str, str]) -> Any:
    """A value with the values of its variables. One that is new is taken from what was sent."""
    if isinstance(written, dict):
        fields = sent if isinstance(sent, dict) else {}
        return {name: known_in(each, fields.get(name), known) for name, each in written.items()}
    if isinstance(written, list):
        others = sent if isinstance(sent, list) and len(sent) == len(written) else written
        return [known_in(one, other, known) for one, other in zip(written, others, strict=True)]
    if isinstance(written, Blank):
        written = f"${written.upper()}"
    if not isinstance(written, str):
        return written
    if (found := VARIABLE.fullmatch(written)) and isinstance(sent, str):
        return known.setdefault(found[1], sent)
    return VARIABLE.sub(lambda part: known.get(part[1], part[0]), written)


# --- Python --------------------------------------------------------------------------------------


class ClientReader(Reader):
    """Somebody who reads a tab of our clients. What the server is asked passes a relay."""

    kind = ""

    def __init__(self, folder: Path, values: dict[str, str], through: Relay) -> None:
        super().__init__(folder, values)
        self.relay = through
        self.printed = ""
        self.sent: list[Exchange] = []

    def do(self, block: Block) -> None:
        self.sent = []
        if block.kind != self.kind:
            return super().do(block)
        self.relay.taken()
        self.printed = self.run(block)
        self.sent = self.relay.taken()
        self.said = "".join(each.said() for each in self.sent)
        return None

    def run(self, block: Block) -> str:
        raise NotImplementedError


class PythonReader(ClientReader):
    """Somebody who runs the examples of a page in one session."""

    kind = "python"

    def __init__(self, folder: Path, values: dict[str, str], through: Relay) -> None:
        super().__init__(folder, values, through)
        self.session: dict[str, Any] = {}

    def run(self, block: Block) -> str:
        if "unittest" in block.text:
            (self.folder / "example.py").write_text(block.text)
            self.type("python example.py")
            return self.said
        text = block.text.replace(CODE, f'"{self.values.get("OTP", "")}"')
        printed = io.StringIO()
        with redirect_stdout(printed):
            exec(text, {} if is_whole(block) else self.session)
        return printed.getvalue().strip()


def python_modules() -> dict[str, str]:
    """Each guide as a module, its whole programs, and a module with every call of the API."""
    found = {}
    for guide in GUIDES:
        name = guide.slug.replace("-", "_")
        texts = []
        for at, block in enumerate(python_blocks(guide.slug)):
            if is_whole(block):
                found[f"{name}_{at}.py"] = block.text + "\n"
            else:
                texts.append(block.text)
        found[f"{name}.py"] = "\n".join(texts) + "\n"
    return found | {"calls.py": python_calls()}


def python_blocks(slug: str) -> list[Block]:
    return [each for each in blocks_of(slug) if each.kind == "python"]


def python_calls() -> str:
    head = 'from iocash_client import Client, models\n\nclient = Client("http://127.0.0.1:1", "")\n'
    texts = [each.python for each in examples_of_calls().values() if each.python]
    functions = (
        f"\n\ndef example_{at}() -> None:\n{indent(text, '    ')}\n"
        for at, text in enumerate(texts)
    )
    return head + "".join(functions)


def examples_of_calls() -> dict[tuple[str, str], calls.Example]:
    """Every example of the page of calls, by its operation and kind."""
    return {
        (f"{call.method} {call.path}", example.kind): example
        for chapter in calls.chapters()
        for call in chapter.calls
        for example in call.examples
    }


# --- TypeScript ----------------------------------------------------------------------------------

HEAD = f"""\
import {{ createInterface }} from "node:readline";

const lines = createInterface({{ input: process.stdin }})[Symbol.asyncIterator]();
/** Say that all before is done, and wait for what the test says. */
async function step(): Promise<string> {{
  console.log("\\n{STEP}");
  return (await lines.next()).value ?? "";
}}
let stepCode = "";
"""
TAIL = '\nconsole.log("\\n' + STEP + '");\nprocess.stdin.destroy();\n'


def typescript_modules() -> dict[str, str]:
    """Each guide as a module that waits before each example, its whole programs, every call."""
    found = {}
    for guide in GUIDES:
        text = HEAD
        for at, block in enumerate(each for each in blocks_of(guide.slug) if is_typescript(each)):
            code = block.text.replace(f'"{SERVER}"', 'process.env["ORIGIN"] ?? ""')
            if is_whole(block):
                found[f"{guide.slug}-{at}.ts"] = f"{code}\nexport {{}};\n"
                code = f'await import("./{guide.slug}-{at}.js");'
            text += f"\nstepCode = await step();\n{code.replace(CODE, 'stepCode')}\n"
        found[f"{guide.slug}.ts"] = text + TAIL
    return found | {"calls.ts": typescript_calls()}


def is_typescript(block: Block) -> bool:
    return block.kind == "typescript" and bool(block.group)


def typescript_calls() -> str:
    """A program that makes the call of each line: its name, and the values of its placeholders."""
    text = HEAD + (
        '\nimport { Client, errors } from "iocash-client";\n'
        'const client = new Client(process.env["ORIGIN"] ?? "", process.env["KEY"] ?? "");\n'
        "type Values = Record<string, string>;\n"
        "const examples: Record<string, (values: Values) => Promise<void>> = {\n"
    )
    for name, example in examples_of_calls().items():
        if example.typescript:
            code = re.sub(
                r"^const (\w+) = .*….*;$",
                r'const \1 = values["\1"];',
                example.typescript,
                flags=re.M,
            )
            text += f'"{" ".join(name)}": async (values) => {{\n{code}\n}},\n'
    return (
        text
        + "};\nwhile ((stepCode = await step())) {\n"
        + "  const { name, values } = JSON.parse(stepCode);\n"
        + "  await examples[name](values).catch((error) => {\n"
        + "    if (!(error instanceof errors.ApiError)) throw error;\n  });\n}\n"
    )


class Node:
    """A program under node that waits before each step."""

    def __init__(self, program: Path, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["node", str(program)],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.wait()

    def go_on(self, line: str) -> str:
        """Let the next step run; return what it prints."""
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.wait()

    def wait(self) -> str:
        printed: list[str] = []
        assert self.process.stdout
        for line in iter(self.process.stdout.readline, ""):
            if line.startswith(STEP):
                return "".join(printed).strip()
            printed.append(line)
        raise AssertionError("".join(printed))

    def close(self) -> str:
        """Let the program end; return what it prints at the end, and fail if it fails."""
        assert self.process.stdin
        assert self.process.stdout
        if not self.process.stdin.closed:
            self.process.stdin.close()
        rest = self.process.stdout.read()
        self.process.stdout.close()
        assert self.process.wait(30) == 0, rest
        return rest


class TypeScriptReader(ClientReader):
    """Somebody who runs the examples of a page as one program under node."""

    kind = "typescript"
    node: Node | None = None

    def start(self, program: Path) -> None:
        """Begin with the program of a page."""
        self.end()
        environment = {"PATH": os.environ["PATH"], "NO_COLOR": "1", "ORIGIN": self.relay.url}
        self.node = Node(program, self.folder, environment | self.values)

    def end(self) -> None:
        if self.node:
            self.node.close()
        self.node = None

    def run(self, block: Block) -> str:
        assert self.node
        return self.node.go_on(self.values.get("OTP", ""))

    def close(self) -> None:
        self.end()
        super().close()
