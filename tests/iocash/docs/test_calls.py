"""Every example on the page of calls is run against a server, and answers what is shown.

The story that was recorded is told again in each language: what it orders is typed into a shell,
run as Python or run as TypeScript, as the page has it, with the ids that a reader fills in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from email import message_from_string
from io import StringIO
from pathlib import Path
from typing import Any

import iocash_client
import pytest
from django.test import Client as Browser

from iocash import urls
from iocash.docs import calls, client_calls, examples
from iocash.docs.calls import Example, blanked
from iocash.docs.layout import Blank
from iocash.http.naming import camel, snake
from tests.support import (
    guide_examples,
    openapi,
    people,
    relay,
    retelling,
    sandbox,
    shell_examples,
    story,
)
from tests.support.people import Answer, Api
from tests.support.relay import Relay
from tests.support.story import LIMITS, Recorder, kind_of, operation_of, query_of, words_of
from users.models import Client

Name = tuple[str, str]
Plain = Callable[[], Answer]


shown = guide_examples.examples_of_calls


class Reader(Recorder):
    """Somebody who takes each order of the story from the page, when it is there."""

    def __init__(self, secret: str, server: str, folder: Path) -> None:
        super().__init__(secret)
        self.server, self.folder = server, folder
        self.done: set[tuple[Name, str]] = set()
        page = Browser().get("/api/docs/calls", headers={"host": server.removeprefix("http://")})
        self.blocks = shell_examples.blocks(page.text)
        self.texts = {block.text for block in self.blocks}

    def ask(self, method: str, path: str, body: Any, **kwargs: Any) -> Answer:
        name = operation_of(method, path), kind_of(path, body)
        for word in words_of(path).items():
            name = name[0].replace(f"{{{word[0]}}}", word[1]), name[1]
        example = shown().get(name)
        if example is None or not is_like(example.order, path, body, **kwargs):
            return super().ask(method, path, body, **kwargs)
        self.days = {
            f"{each}={day}": f"{each}={query_of(path)[each]}"
            for each, day in example.order.query.items()
            if each.endswith("Date")
        }
        values = self.values(example.order, path, body)
        if example.order.has_etag:
            assert self.run(example, values | {"etag": '"stale"'}).code == "version_conflict"
        answer = self.answer(
            example, values, lambda: Recorder.ask(self, method, path, body, **kwargs)
        )
        if example.order.key:
            again = self.run(example, values)
            assert (again.status, again.headers["Idempotent-Replayed"]) == (answer.status, "true")
        if answer.status < 300:
            self.done.add((name, str(answer.status)))
            openapi.check(method, story.address_of(path), *vars(answer).values())
        return answer

    def values(self, order: calls.Snippet, path: str, body: Any) -> dict[str, str]:
        """What a reader fills in: the ids of this telling, and the version that they know."""
        pattern = calls.PARAMETER.sub(r"(?P<\1>[0-9a-f-]{36})", order.path)
        address = story.address_of(path).partition("?")[0]
        (place,) = (re.fullmatch(pattern, address),)
        assert place
        values = {snake(name): value for name, value in place.groupdict().items()}
        values |= ids(query_of(path), order.query) | ids(body, order.body)
        if order.has_etag:
            values["etag"] = Api(self.secret).get(path).headers["ETag"]
        return values

    def answer(self, example: Example, values: dict[str, str], plain: Plain) -> Answer:
        """The response to an example. `plain` sends its request without the page."""
        return self.run(example, values)

    def run(self, example: Example, values: dict[str, str]) -> Answer:
        raise NotImplementedError

    def text(self, text: str) -> str:
        text = text.replace(calls.RECORDED_AT, self.server)
        assert text in self.texts, "the page shows something else"
        for shown, told in self.days.items():
            text = text.replace(shown, told)
        return text


def ids(value: Any, shown: Any) -> dict[str, str]:
    """Every id in an order, by the name that the page has for it."""
    if isinstance(shown, Blank):
        return {str(shown): value}
    if isinstance(shown, dict):
        return {k: v for each, inner in shown.items() for k, v in ids(value[each], inner).items()}
    if isinstance(shown, list):
        pairs = zip(value, shown, strict=True)
        return {k: v for one, other in pairs for k, v in ids(one, other).items()}
    return {}


def is_like(order: calls.Snippet, path: str, body: Any, **about: Any) -> bool:
    """Whether a call of the story is the one on the page, but for ids and days."""
    if about.keys() - {"key"} or about.get("key") != order.key:
        return False
    return bool(blanked(body) == order.body) and query_of(path).keys() == order.query.keys()


class InShell(Reader):
    """They type what is in the box `curl`."""

    def run(self, example: Example, values: dict[str, str]) -> Answer:
        text = self.text(example.curl)
        for name, value in values.items():
            text = re.sub(
                rf"^{name.upper()}=\S*…\S*", f"{name.upper()}='{value}'", text, flags=re.M
            )
        assert "…" not in text
        (self.folder / ".curlrc").write_text('silent\nshow-error\ndump-header = "headers"\n')
        done = subprocess.run(
            ["bash", "--norc", "-c", text],
            cwd=self.folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "API": f"{self.server}/api/v1",
                "KEY": self.secret or "",
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            check=True,
        )
        first, _, rest = (self.folder / "headers").read_text().partition("\n")
        headers = {key.title(): value for key, value in message_from_string(rest).items()}
        headers |= {"ETag": headers.pop("Etag")} if "Etag" in headers else {}
        return Answer(int(first.split()[1]), headers, json.loads(done.stdout))


class InClient(Reader):
    """They run what is in the box of one of our clients, through a relay.

    What the client sends is compared with the written request. Reads are then sent without it:
    a client asks for larger pages than the story, and for the days that the page shows.
    """

    language = ""
    relay: Relay

    def answer(self, example: Example, values: dict[str, str], plain: Plain) -> Answer:
        if not getattr(example, self.language):
            return plain()
        answer = self.run(example, values)
        return plain() if example.order.method == "GET" else answer

    def run(self, example: Example, values: dict[str, str]) -> Answer:
        assert getattr(example, self.language) in self.texts, "the page shows something else"
        self.relay.taken()
        self.make_call(example, values)
        sent, order = self.relay.taken()[0], example.order
        path = calls.PARAMETER.sub(lambda found: values[snake(found[1])], order.path)
        query, body = with_ids(order.query, values), with_ids(order.body, values)
        assert relay.unequal(sent, order.method, path, query, body, order.key or "") == []
        assert sent.headers.get("if-match") == values.get("etag")
        headers = {name.title(): each for name, each in sent.answer_headers.items()}
        headers |= {"ETag": headers.pop("Etag")} if "Etag" in headers else {}
        return Answer(sent.status, headers, json.loads(sent.answer))

    def make_call(self, example: Example, values: dict[str, str]) -> None:
        raise NotImplementedError


class InPython(InClient):
    """They read Python."""

    language = "python"

    def make_call(self, example: Example, values: dict[str, str]) -> None:
        text = example.python
        for name, value in values.items():
            text = re.sub(rf"^{name} = .*….*", f"{name} = {value!r}", text, flags=re.MULTILINE)
        assert "…" not in text
        client = iocash_client.Client(self.server, self.secret or "")
        with suppress(iocash_client.ApiError), redirect_stdout(StringIO()):
            exec(text, {"client": client, "models": iocash_client.models})


class InTypeScript(InClient):
    """They read TypeScript."""

    language = "typescript"
    node: guide_examples.Node

    def make_call(self, example: Example, values: dict[str, str]) -> None:
        given = {camel(name): value for name, value in values.items()}
        name = f"{example.order.method} {example.order.path} {example.kind}"
        self.node.go_on(json.dumps({"name": name, "values": given}))


def with_ids(value: Any, values: dict[str, str]) -> Any:
    """A part of an order with the ids of this telling."""
    if isinstance(value, Blank):
        return values[value]
    if isinstance(value, dict):
        return {name: with_ids(each, values) for name, each in value.items()}
    return [with_ids(each, values) for each in value] if isinstance(value, list) else value


def same_host(told: Any, server: str) -> Any:
    text = json.dumps(told["operations"]).replace(server, retelling.READERS_HOST)
    return json.loads(text)


@pytest.fixture(params=[InShell, InPython, pytest.param(InTypeScript, marks=pytest.mark.ci)])
def reader(
    request: pytest.FixtureRequest, client_demo: Client, live_server: Any, tmp_path: Path
) -> Iterator[Reader]:
    """Somebody with a key who reads the page in one language."""
    secret = people.a_key(client_demo)
    if request.param is InShell:
        yield InShell(secret, live_server.url, tmp_path)
        return
    with relay.relaying(live_server.url) as through:
        found = request.param(secret, through.url, tmp_path)
        found.relay = through
        if found.language == "python":
            yield found
            return
        environment = {"PATH": os.environ["PATH"], "ORIGIN": through.url, "KEY": secret}
        program = request.getfixturevalue("guides_in_typescript") / "calls.js"
        found.node = guide_examples.Node(program, tmp_path, environment)
        yield found
        found.node.close()


@pytest.mark.ci
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_every_example_returns_the_documented_statuses(reader, settings):
    """Takes 4 s with a program for each call, and 30 s once for the compiler of TypeScript."""
    settings.KYC_LIMITS = LIMITS
    with sandbox.made():
        told = story.tell(reader, Recorder(None), Recorder(None))
    assert same_host(told, reader.server) == {
        name: operation
        for name, operation in examples.recorded_examples()["operations"].items()
        if "/public/" not in name
    }
    reader.get("/api/schema")
    reader.get("/api/schema/published")
    assert reader.done == {
        (name, status.partition(" ")[0])
        for name, example in shown().items()
        for status in example.answers
    }


# --- The page ------------------------------------------------------------------------------------

METHODS = ("get", "post", "put", "patch")
SERVER = {"GET /livez", "GET /readyz", "GET /api/schema", "GET /api/schema/published"}


def served() -> set[str]:
    """Every method of every address of our own, as the document writes them."""
    return SERVER | {
        f"{method.upper()} {written(str(route.pattern))}"
        for route in urls.api
        for method in METHODS
        if hasattr(view := vars(route.callback)["view_class"], method) and view.schema
    }


def written(route: str) -> str:
    named = re.sub(r"<uuid:(\w+)_id>", r"{\1Id}", route)
    return f"/api/v1{named.replace('<slug:kind>', 'identity-front')}"


def test_every_own_operation_is_on_the_page():
    found = [f"{call.method} {call.path}" for chapter in calls.chapters() for call in chapter.calls]
    assert set(found) == served()
    assert len(found) == len(served())


def page() -> str:
    return Browser().get("/api/docs/calls").text


@pytest.mark.slow
def test_page_and_reference_link_to_the_anchor_of_each_operation():
    anchors = set(re.findall(r'<section class="call" id="(\w+)"', page()))
    assert len(anchors) == len(served())
    assert set(re.findall(r'<li><a href="#(\w+)"', page())) == anchors
    paths = Browser().get("/api/schema").json()["paths"]
    led = {
        operation["externalDocs"]["url"].removeprefix("http://testserver/api/docs/calls#")
        for methods in paths.values()
        for operation in methods.values()
    }
    assert led == anchors
    assert "externalDocs" not in openapi.written()


def test_snippet_shows_idempotency_key_and_version_where_accepted():
    paths = json.loads(openapi.written())["paths"]
    for (name, kind), example in shown().items():
        method, path = name.split()
        operation = paths[path.replace("identity-front", "{kind}")][method.lower()]
        taken = {each["name"] for each in openapi.parameters(operation)}
        takes_key = "Idempotency-Key" in taken and kind != client_calls.DRY_RUN
        assert bool(example.order.key) == takes_key, name
        changes = method == "PATCH" and "If-Match" in taken
        assert example.order.has_etag == ("If-Match" in example.curl) == changes, name


def test_page_lists_scope_and_parameters():
    (section,) = re.findall(r'id="list_movements">.*?</section>', page(), re.DOTALL)
    assert "Scope: <code>movements:read</code>" in section
    assert "<code>minAmount</code>" in section
    assert "<code>direction</code>" not in section


def test_page_lists_the_other_document_kinds():
    (section,) = re.findall(r'id="create_document">.*?</section>', page(), re.DOTALL)
    assert "/documents/identity-front" in section
    assert section.count("<code>company-deed</code>") == 1
    assert "<code>identity-front</code>" not in section


def test_page_is_rendered_once():
    assert calls.rendered() is calls.rendered()


def test_page_contains_the_address_of_its_server(settings):
    settings.ALLOWED_HOSTS = ["wallets.example"]
    text = Browser().get("/api/docs/calls", headers={"host": "wallets.example"}).text
    assert "export API=http://wallets.example/api/v1" in text
    assert calls.RECORDED_AT not in text


def test_page_accepts_get_only():
    assert Browser().post("/api/docs/calls").status_code == 400


def test_page_has_no_inline_script_or_style():
    foreign = r'<script(?! src="/static/)|<style|style=|https?://(?!testserver|app\.example/)'
    assert not re.search(foreign, page())


def test_quote_in_a_body_is_escaped_in_the_curl_command():
    order = calls.Snippet("POST", "/api/v1/users", {}, {"firstName": "O'Hara"}, None, False, True)
    said = order.curl().replace("curl", "printf '%s\\n'")
    printed = subprocess.run(["bash", "-c", said], capture_output=True, text=True, check=True)
    assert '{"firstName": "O\'Hara"}' in printed.stdout.splitlines()
