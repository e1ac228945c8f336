"""Runs the commands and calls of the README as they are written there."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
from django.core.management import call_command

import dev
from wallets.management.commands import seed_demo

README = (dev.ROOT / "README.md").read_text()
FRAGMENT = re.compile(r'"\w+":"[^"…]*"')
SERVED_AT = "http://127.0.0.1:8000"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def calls() -> list[tuple[str, str]]:
    """The curl commands, each with the response that the README shows."""
    (console,) = blocks("console")
    pairs = [part.rsplit("\n{", 1) for part in console.split("$ ")[1:]]
    return [(command, "{" + answer.strip()) for command, answer in pairs]


def commands() -> list[list[str]]:
    """The shell commands of the README, split into words."""
    lines = "\n".join(blocks("sh")).replace("\\\n", "").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_three_calls_return_the_printed_responses(live_server):
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


def test_dev_has_every_printed_command():
    asked = [words[2] for words in commands() if words[:2] == ["python3", "dev.py"]]
    assert {"run", "test"} == set(asked)
    usage = subprocess.run(
        ["python3", str(dev.ROOT / "dev.py")], capture_output=True, text=True, check=False
    ).stderr
    assert all(f"dev.py {name}" in usage for name in asked)


@pytest.mark.django_db
def test_management_commands_run_as_printed(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = [words[2:] for words in commands() if words[:2] == ["python", "manage.py"]]
    assert {name for name, *_ in shown} == {"issue_key", "audit", "anchor", "erase_user"}
    for name, *arguments in shown:
        call_command(name, *arguments)
    printed = capsys.readouterr().out
    assert re.search(r"^iocash_\w{40}$", printed, re.MULTILINE)
    assert "The ledger is correct." in printed
    assert (tmp_path / "heads.txt").read_text().startswith("iocash-anchor")


def test_readme_fits_in_120_lines():
    assert len(README.splitlines()) <= 120


def test_links_point_to_existing_files():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) >= 10
    assert not [link for link in links if not (dev.ROOT / link).exists()]


def test_production_section_uses_no_development_command():
    production = README.partition("## Production deployment")[2]
    assert "python manage.py " in production
    assert "python3 dev.py" not in production
