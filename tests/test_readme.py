"""What the README says is done here, word for word, so that it can't rot."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
from django.core.management import call_command

import dev
from tests.support import people
from users.models import SigningKey
from users.models.clients import SCOPES
from wallets.management.commands import seed_demo, write_docs

README = (dev.ROOT / "README.md").read_text()
FRAGMENT = re.compile(r'"\w+":"[^"…]*"')
SERVED_AT = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def calls() -> list[tuple[str, str]]:
    """The curls, each with the answer that is shown below it."""
    (console,) = blocks("console")
    pairs = [part.rsplit("\n{", 1) for part in console.split("$ ")[1:]]
    return [(command, "{" + answer.strip()) for command, answer in pairs]


def commands() -> list[list[str]]:
    """What the README has people type, as words."""
    lines = "\n".join(blocks("sh")).replace("\\\n", "").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_three_curls_answer_what_is_shown(live_server):
    demo = seed_demo.seed()
    environment = os.environ | {
        "KEY": demo["apiKey"],
        "ALICE": demo["aliceWalletId"],
        "BOB": demo["bobWalletId"],
    }
    assert len(calls()) == 3
    for command, shown in calls():
        typed = command.replace(SERVED_AT, live_server.url).replace("curl ", "curl -sS ")
        done = subprocess.run(
            ["bash", "-c", typed], env=environment, capture_output=True, text=True, check=True
        )
        fragments = [part for part in FRAGMENT.findall(shown) if not part.startswith('"id"')]
        assert len(fragments) >= 3
        missing = [fragment for fragment in fragments if fragment not in done.stdout]
        assert not missing, done.stdout


@pytest.fixture
def folder(tmp_path, client_demo):
    """Where a client has its own RSA key; staff have registered the public half."""
    for making in (
        "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem",
        "pkey -in private.pem -pubout -out public.pem",
    ):
        subprocess.run(["openssl", *making.split()], cwd=tmp_path, check=True)
    SigningKey.objects.create(
        client=client_demo,
        label="Shop",
        kid="shop-1",
        public_key=(tmp_path / "public.pem").read_text(),
        scopes=list(SCOPES),
    )
    return tmp_path


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_token_signed_in_python_is_taken(folder):
    (program,) = blocks("python")
    signed = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert people.Api(signed.stdout.strip()).get("users").status == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    not (shutil.which("openssl") and shutil.which("curl")), reason="openssl or curl is missing"
)
def test_a_token_signed_with_openssl_is_taken(folder, live_server):
    (typed,) = blocks("bash")
    done = subprocess.run(
        ["bash", "-ec", typed.replace(SERVED_AT, live_server.url).replace("curl ", "curl -sSf ")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '"_embedded":{"users":[]}' in done.stdout


def test_every_command_of_dev_is_one_that_it_has():
    asked = [words[2] for words in commands() if words[:2] == ["python3", "dev.py"]]
    assert {"run", "test"} == set(asked)
    usage = subprocess.run(
        ["python3", str(dev.ROOT / "dev.py")], capture_output=True, text=True, check=False
    ).stderr
    assert all(f"dev.py {name}" in usage for name in asked)


@pytest.mark.django_db
def test_every_management_command_runs_as_shown(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = [words[2:] for words in commands() if words[:2] == ["python", "manage.py"]]
    assert {name for name, *_ in shown} == {"issue_key", "audit", "anchor", "erase_user"}
    for name, *arguments in shown:
        call_command(name, *arguments)
    printed = capsys.readouterr().out
    assert re.search(r"^iocash_\w{40}$", printed, re.MULTILINE)
    assert "The books are right." in printed
    assert (tmp_path / "heads.txt").read_text().startswith("iocash-anchor")


def without(text: str, begin: str, end: str) -> str:
    before, _, rest = text.partition(begin)
    return before + rest.partition(end)[2]


def test_it_fits_a_few_screens():
    """Without the tables of codes and of figures."""
    text = without(README, write_docs.BEGIN, write_docs.END)
    text = without(text, "<!-- bench: begin -->", "<!-- bench: end -->")
    assert len(text.splitlines()) <= 150


def test_production_uses_no_command_of_development():
    production = README.partition("## Running it for real")[2]
    assert "python manage.py " in production
    assert "python3 dev.py" not in production
