"""Every example in the guides is run against a server, and answers what is shown."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils.text import slugify

from iocash import demo
from iocash import settings as configured
from iocash.docs.guides import GUIDES
from tests.support import guide_examples, relay, sandbox, shell_examples
from tests.support.guide_examples import ClientReader, PythonReader, TypeScriptReader
from tests.support.relay import Relay
from tests.support.shell_examples import Reader
from users import deliveries
from users.models import Client, PhoneUse, SigningKey
from users.models.clients import SCOPES
from wallets.management.commands import seed_demo

CALLS = "/api/docs/calls"
SLUGS = [each.slug for each in GUIDES]
KEY = re.compile(r"""(?:Idempotency-Key: |key="|pay\(")([\w-]+)""")
TEXTS = {"event-kinds", "glossary"}
"""Guides without examples."""
LISTS = {"statements", "reconciliation", "pagination"}
"""Guides that show all movements of a wallet, also those that other guides made."""
ADVANCING = {"sandbox"}
"""A guide that advances the clock by a month: what others say of limits is different afterwards."""
QUERY = re.compile(r'("href": "[^"?]*)\?[^"]*')
AMOUNT = re.compile(r"\b\d+\.\d\d\b")
MISSING = [name for name in ("bash", "curl", "node", "openssl") if not shutil.which(name)]


@pytest.fixture
def values(live_server: Any, settings: Any) -> Iterator[dict[str, str]]:
    """What `dev.py run` prints: a new demo, a sandbox with its limits, made a minute ago."""
    settings.KYC_LIMITS = configured.KYC_LIMITS
    with sandbox.made():
        facts = seed_demo.seed()
        PhoneUse.objects.update(asked_at=None, sent_at=None)
        yield demo.values(live_server.url, facts)


@pytest.fixture(params=[Reader, PythonReader, TypeScriptReader])
def reader(
    request: Any,
    values: dict[str, str],
    through: Relay,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Reader]:
    """Somebody with a shell; the server's console is where their one-time passwords come."""
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(
        deliveries.BACKENDS, "console", lambda user, phone, code: values.update(OTP=code)
    )
    settings.OTP_BACKEND = "console"
    monkeypatch.chdir(tmp_path)
    found = Reader(tmp_path, values) if request.param is Reader else None
    found = found or request.param(tmp_path, values, through)
    yield found
    found.close()


@pytest.fixture
def through(live_server: Any) -> Iterator[Relay]:
    """What keeps the requests of the clients, and passes them on."""
    with relay.relaying(live_server.url) as made:
        yield made


@pytest.fixture
def programs(request: pytest.FixtureRequest, reader: Reader) -> Path | None:
    """The guides as programs for node; compiled only if somebody reads TypeScript."""
    if reader.kind != "typescript":
        return None
    compiled: Path = request.getfixturevalue("guides_in_typescript")
    return compiled


page = guide_examples.blocks_of


def register(folder: Path) -> None:
    """What staff do when there is a public key to register."""
    file = folder / "public.pem"
    if file.exists() and not SigningKey.objects.exists():
        SigningKey.objects.create(
            client=Client.objects.get(name=seed_demo.CLIENT),
            label="Shop",
            kid="shop-1",
            public_key=file.read_text(),
            scopes=list(SCOPES),
        )


NEEDS_TOOLS = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.mark.django_db(transaction=True)
@NEEDS_TOOLS
@pytest.mark.ci
@pytest.mark.parametrize("slug", SLUGS)
def test_every_example_returns_the_documented_answer(slug, reader, through, programs):
    """Takes 1 s for each guide and language, and 30 s once for the compiler of TypeScript."""
    for shown, said in followed(slug, reader, through.url, programs):
        assert shell_examples.differences(shown, said) == []


@pytest.mark.ci
@pytest.mark.django_db(transaction=True)
@NEEDS_TOOLS
def test_guides_work_one_after_another(reader, through, programs):
    """Only the balances differ from the printed ones, and what a list has.

    Takes seconds; needs the tools of the guides, as `MISSING` lists them.
    """
    for slug in SLUGS:
        if slug in ADVANCING:
            continue
        for shown, said in followed(slug, reader, through.url, programs):
            found = shell_examples.differences(AMOUNT.sub("1", shown), AMOUNT.sub("1", said))
            assert found == [] or slug in LISTS, slug


def followed(
    slug: str, reader: Reader, url: str, programs: Path | None
) -> Iterator[tuple[str, str]]:
    """Do what a guide says; yield what it shows as an answer, and what came.

    What a client sends is compared with the request that the guide has written.
    """
    if isinstance(reader, TypeScriptReader):
        assert programs
        reader.start(programs / f"{slug}.js")
    written = guide_examples.by_python_text(slug) if isinstance(reader, ClientReader) else {}
    known = {name: reader.values[name] for name in ("ALICE", "BOB")}
    has_run = False
    for group in guide_examples.groups(page(slug, url.removeprefix("http://"))):
        if group[0].kind == "answer":
            if has_run and not group[0].is_of_another(reader.kind):
                shown = group[0].text
                if isinstance(reader, ClientReader):  # its queries are equal, but not as texts
                    shown = QUERY.sub(r"\1…", shown)
                yield shown, reader.answered(group[0])
            continue
        chosen = [each for each in group if each.is_read(reader.kind)]
        has_run = bool(chosen)
        for block in chosen:
            register(reader.folder)
            reader.do(block)
        for block in group:
            if isinstance(reader, ClientReader) and (requests := written.pop(block.text, None)):
                assert guide_examples.differences_of(requests, reader.sent, known) == []
    assert not written, "an example was not compared"


@pytest.mark.parametrize("slug", SLUGS)
def test_every_guide_has_examples_in_each_language_with_answers(slug):
    kinds = [block.kind for block in page(slug)]
    if slug in TEXTS:
        return
    assert set(kinds) == {"sh", "python", "typescript", "answer"}
    assert all(kinds[at - 1] != "answer" for at, kind in enumerate(kinds) if kind == "answer")


def test_no_two_pages_use_the_same_idempotency_key():
    """A reader who follows both pages would get 409 on the second."""
    texts = [block_texts(slug) for slug in SLUGS] + [
        (Path(__file__).parents[3] / "README.md").read_text()
    ]
    found = [set(KEY.findall(text)) for text in texts]
    keys = [key for several in found for key in several]
    assert len(keys) >= 10
    assert len(keys) == len(set(keys))


def block_texts(slug: str) -> str:
    return "\n".join(block.text for block in page(slug))


# --- What holds a page against what happens sees what is wrong -----------------------------------

SAID = '{"id":"01a2","amount":"1.00","open":true,"items":[{"code":"a"}]}'


@pytest.mark.parametrize(
    "shown",
    [
        '{"id": "0198…", "amount": "1.00", "open": true, "items": [{"code": "a"}]}',
        '{"amount": "1.00", …}',
        '{"items": [{…}], …}',
        '{"id": "…", …}',
    ],
)
def test_matching_answer_has_no_differences(shown):
    assert shell_examples.differences(shown, SAID) == []


@pytest.mark.parametrize(
    "shown",
    [
        '{"amount": "1.00"}',
        '{"amount": "2.00", …}',
        '{"open": 1, …}',
        '{"gone": "…", …}',
        '{"items": [], …}',
        '{"items": [{"code": "b"}], …}',
        '{"amount": "1.00", …} {"amount": "1.00", …}',
        "1.00",
    ],
)
def test_wrong_answer_has_differences(shown):
    assert shell_examples.differences(shown, SAID)


def test_status_and_headers_are_compared():
    said = f'HTTP/1.1 201 Created\r\netag: "a"\r\nDate: today\r\n\r\n{SAID}'
    assert shell_examples.differences('HTTP/1.1 201 Created\nETag: "…"\n\n{…}', said) == []
    assert shell_examples.differences("HTTP/1.1 200 OK\n\n{…}", said) == ["HTTP/1.1 200 OK"]
    assert shell_examples.differences("HTTP/1.1 201 Created\nAge: 1\n\n{…}", said) == ["Age: 1"]


# --- The pages -----------------------------------------------------------------------------------


def test_every_documentation_page_links_to_all_the_others():
    for address in (
        "/api/docs",
        "/api/docs/errors",
        CALLS,
        *(f"/api/docs/{slug}" for slug in SLUGS),
    ):
        text = Browser().get(address).text
        (bar,) = re.findall(r'<nav class="guides".*?</nav>', text, re.DOTALL)
        links = re.findall(r'href="([^"]*)"', bar)
        guides = [f"/api/docs/{slug}" for slug in SLUGS]
        assert links == [*guides, CALLS, "/api/docs", "/api/docs/errors", "/api/schema"]
        (here,) = re.findall(r'href="([^"]*)" aria-current="page"', bar)
        assert here == address


PAGES = ["/api/docs", "/api/docs/errors", CALLS, *(f"/api/docs/{slug}" for slug in SLUGS)]


@pytest.mark.parametrize("address", PAGES)
def test_documentation_page_links_to_all_the_others(address):
    text = Browser().get(address).text
    (bar,) = re.findall(r'<nav class="guides".*?</nav>', text, re.DOTALL)
    links = re.findall(r'href="([^"]*)"', bar)
    guides = [f"/api/docs/{slug}" for slug in SLUGS]
    assert links == [*guides, CALLS, "/api/docs", "/api/docs/errors", "/api/schema"]
    (here,) = re.findall(r'href="([^"]*)" aria-current="page"', bar)
    assert here == address


def test_front_page_and_browsable_api_link_to_the_guides(staff):
    browser = Browser()
    assert 'href="/api/docs/quick-start"' in browser.get("/").text
    browser.force_login(staff)
    assert 'href="/api/docs/quick-start"' in browser.get("/api/v1", HTTP_ACCEPT="text/html").text


@pytest.mark.parametrize("slug", SLUGS)
def test_guide_accepts_get_only(slug):
    answer = Browser(enforce_csrf_checks=True).post(f"/api/docs/{slug}")
    assert (answer.status_code, answer["Allow"]) == (400, "GET, HEAD")
    assert Browser().head(f"/api/docs/{slug}").status_code == 200


def test_unknown_guide_gets_404():
    assert Browser().get("/api/docs/quick-star").status_code == 404


def test_guides_show_the_limits_of_this_server(settings):
    settings.KYC_LIMITS = {"JPY": {"0": {"balance": "7", "cashIn": None, "cashOut": "9"}}}
    text = Browser().get("/api/docs/limits").text
    assert '<th scope="row">JPY</th><td>0</td><td>7</td><td>no limit</td><td>9</td>' in text


def test_previous_and_next_lead_through_all_guides():
    address = f"/api/docs/{SLUGS[0]}"
    seen: list[str] = []
    while address:
        text = Browser().get(address).text
        previous = re.findall(r'rel="prev" href="([^"]*)"', text)
        assert previous == seen[-1:]
        seen.append(address)
        address = "".join(re.findall(r'rel="next" href="([^"]*)"', text))
    assert seen == [*(f"/api/docs/{slug}" for slug in SLUGS), CALLS]


def test_terms_of_the_glossary_are_sorted_and_have_anchors():
    text = Browser().get("/api/docs/glossary").text
    terms = re.findall(r'<dt id="([\w-]+)"><a href="#([\w-]+)">([^<]+)</a></dt>', text)
    assert len(terms) >= 30
    assert terms == sorted(terms, key=lambda term: term[2].lower())
    assert all(one == other == slugify(words) for one, other, words in terms)
