"""The TypeScript client: what it sends, a story with a running server, its README, its package.

Takes 40 s; most of it is the compiler, and one server that all of these tests share.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from iocash_client import Client

from dev import ROOT
from tests.support.embedded_postgres import linux
from tests.support.faulty_wire import Fault, FaultyWire, Once
from tests.support.server import Served
from tests.support.tools import TYPESCRIPT
from tests.support.typescript_client import (
    PACKAGE,
    README,
    STRICT,
    TEXTS,
    run,
)
from users import signatures

DOCUMENT = ROOT / "docs" / "openapi.json"
MOST_LINES = 400
BY_HAND = sorted((PACKAGE / "src").glob("*.ts"))
AROUND_FETCH = ("calls.ts", "engine.ts", "pages.ts")


def facts() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((PACKAGE / "package.json").read_text())
    return read


# --- The files -----------------------------------------------------------------------------------


def test_methods_errors_and_names_are_current():
    ran = subprocess.run(
        [sys.executable, str(PACKAGE / "write_calls.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr


def test_client_has_a_method_for_each_operation():
    document = json.loads(DOCUMENT.read_text())
    code = (PACKAGE / "src" / "generated" / "calls.ts").read_text()
    methods = set(re.findall(r"^  (?:async )?(\w+)\(", code, re.MULTILINE))
    names = {
        re.sub("_([a-z])", lambda match: match[1].upper(), facts["operationId"])
        for verbs in document["paths"].values()
        for verb, facts in verbs.items()
        if verb != "parameters"
    }
    assert names - methods == {"getSchema", "getPublishedSchema"}


def test_no_field_of_a_body_is_a_number():
    """The client refuses all numbers in bodies."""
    schemas = json.loads(DOCUMENT.read_text())["components"]["schemas"]
    bodies = {name for name in schemas if name.endswith(("Body", "Change", "ChangeOrEnd"))}
    assert len(bodies) > 20
    assert [name for name in bodies if '"type": "integer"' in json.dumps(schemas[name])] == []
    assert [name for name in bodies if '"type": "number"' in json.dumps(schemas[name])] == []


def test_client_is_small():
    lines = {path.name: len(path.read_text().splitlines()) for path in BY_HAND}
    assert sum(lines[name] for name in AROUND_FETCH) <= MOST_LINES
    assert max(lines.values()) <= MOST_LINES // 2


def test_files_have_the_version_and_licence_of_the_package():
    package = facts()
    assert f'VERSION = "{package["version"]}"' in (PACKAGE / "src" / "calls.ts").read_text()
    assert f"## {package['version']}\n" in (PACKAGE / "CHANGELOG.md").read_text()
    assert (PACKAGE / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert "dependencies" not in package
    tools = {f"{name}@{version}" for name, version in package["devDependencies"].items()}
    assert tools <= set(TYPESCRIPT.packages)


def test_readme_has_its_programs_and_a_short_quick_start():
    assert len(TEXTS) == README.count("```typescript") == 4
    lines = [line for line in TEXTS[0][0].splitlines() if line and "import" not in line]
    assert len(lines) <= 10


@pytest.mark.ci
def test_types_are_current(tmp_path: Path):
    """Takes 5 s; needs openapi-typescript."""
    program = TYPESCRIPT.program("openapi-typescript")
    ignoring_defaults = ["--default-non-nullable", "false"]
    run([program, str(DOCUMENT), "--output", "schema.ts", *ignoring_defaults], tmp_path)
    checked_in = (PACKAGE / "src" / "generated" / "schema.ts").read_text()
    assert (tmp_path / "schema.ts").read_text() == checked_in


# --- The package ---------------------------------------------------------------------------------


@pytest.mark.ci
def test_tarball_installs_into_an_empty_folder(package: Path, tmp_path: Path):
    """Without a network, and used without the types of Node. Takes 10 s."""
    quiet = ["--ignore-scripts", "--loglevel=error"]
    name = run(["npm", "pack", *quiet, f"--pack-destination={tmp_path}"], package).split()[-1]
    with tarfile.open(tmp_path / name) as archive:
        inside = {each.removeprefix("package/") for each in archive.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "package.json", "dist/index.d.ts"} <= inside
    assert not [each for each in inside if each.startswith(("src", "node_modules", "tsconfig"))]
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "package.json").write_text('{"type": "module"}')
    offline = ["--offline", "--no-audit", "--no-fund"]
    run(["npm", "install", *quiet, *offline, str(tmp_path / name)], folder)
    (folder / "use.ts").write_text(
        'import { Client } from "iocash-client";\n'
        'export const client = new Client("https://iocash.example", "secret");\n'
        'export const pages = client.listWallets({ status: ["READY"] });\n'
    )
    options = STRICT | {"types": [], "lib": ["es2022"], "outDir": "."}
    (folder / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options, "files": ["use.ts"]})
    )
    run([TYPESCRIPT.program("tsc")], folder)
    run(["node", "use.js"], folder)


# --- Programs ------------------------------------------------------------------------------------


@pytest.mark.ci
def test_requests_of_the_client_are_right(programs: Path):
    """Also verifies a webhook that the server's own code signs. Takes 10 s."""
    secret, body = signatures.new_secret(), json.dumps({"id": "1", "kind": "webhook.ping"})
    headers = signatures.signed_headers(secret, id_="1", body=body.encode())
    signed = json.dumps({"secret": secret, "body": body, "headers": dict(headers)})
    run(["node", "--test", "calls.test.js"], programs, SIGNED=signed)


@pytest.mark.ci
@linux
def test_story_plays(programs: Path, environment_of_programs: dict[str, str]):
    """Takes 5 s."""
    run(["node", "--test", "story.test.js"], programs, **environment_of_programs)


@pytest.mark.ci
@linux
@pytest.mark.parametrize("number", range(4))
def test_program_of_the_readme_prints_the_text_below_it(
    programs: Path, environment_of_programs: dict[str, str], number: int
):
    said = run(["node", f"readme{number}.js"], programs, **environment_of_programs)
    text = TEXTS[number][1]
    assert said in {text, text.replace("false", "true")}  # a server that is late is asked again


# --- Faults --------------------------------------------------------------------------------------


def changed(
    programs: Path, wire: FaultyWire, environment_of_programs: dict[str, str], **facts: str
) -> Any:
    said = run(
        ["node", "change.js"], programs, URL_OF_WIRE=wire.url, **environment_of_programs, **facts
    )
    return json.loads(said) if said.startswith("{") else said.strip()


@pytest.mark.ci
@linux
@pytest.mark.parametrize("fault", [Fault.CUT_AFTER, Fault.STALLED, Fault.UNKNOWN])
def test_own_change_is_no_conflict_when_its_answer_was_lost(
    programs: Path,
    server: Served,
    client: Client,
    environment_of_programs: dict[str, str],
    fault: Fault,
):
    etag = client.get_wallet(environment_of_programs["ALICE"]).meta.etag or ""
    with FaultyWire(server.port, Once(fault)) as wire:
        assert changed(programs, wire, environment_of_programs, STALE=etag) == "changed"
    assert wire.counts == {fault: 1}


@pytest.mark.ci
@linux
def test_change_of_another_is_a_conflict_after_a_broken_try(
    programs: Path, server: Served, environment_of_programs: dict[str, str]
):
    with FaultyWire(server.port, Once(Fault.CUT_BEFORE)) as wire:
        said = changed(programs, wire, environment_of_programs, STALE='"other"')
    expected = {"name": "VersionConflict", "tries": 2, "isOutcomeUnknown": True}
    assert said == expected | {"isOurs": True, "hasKey": False}


@pytest.mark.ci
@linux
@pytest.mark.parametrize(
    ("fault", "tries"),
    [(Fault.CUT_AFTER, 1), (Fault.CUT_BEFORE, 1), (Fault.UNKNOWN, 1), (Fault.OVERLOADED, 2)],
)
def test_call_without_a_key_is_repeated_only_if_it_was_not_executed(
    programs: Path,
    server: Served,
    environment_of_programs: dict[str, str],
    fault: Fault,
    tries: int,
):
    with FaultyWire(server.port, Once(fault)) as wire:
        said = changed(programs, wire, environment_of_programs, WHAT="otp")
    assert wire.requests == said["tries"] == tries
    assert (said["isOutcomeUnknown"], said["hasKey"]) == (tries == 1, False)


@pytest.mark.ci
@linux
def test_try_ends_at_its_timeout(
    programs: Path, server: Served, environment_of_programs: dict[str, str]
):
    with FaultyWire(server.port, Once(Fault.STALLED, times=1000)) as wire:
        begin = time.monotonic()
        said = json.loads(
            run(
                ["node", "pay.js"],
                programs,
                **environment_of_programs
                | {"URL_OF_WIRE": wire.url, "TIMEOUT": "200", "DEADLINE": "900"},
            )
        )
    assert time.monotonic() - begin < 15
    (raised,) = said["raised"]
    assert (raised["name"], raised["isOutcomeUnknown"]) == ("NoAnswer", True)
    assert raised["tries"] > 2
