"""The clients that other people's generators make from the OpenAPI document, in a folder each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from shutil import copyfile

from tests.support import tools

STORIES = Path(__file__).parent / "stories"
PATIENCE = 300.0


def done(command: list[str], folder: Path) -> str:
    """Run a command in a folder and return its output, without colours; fail if it fails."""
    here = [str(Path(command[0]).parent), os.environ["PATH"]]  # it may call what is beside it
    ran = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": os.pathsep.join(here), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    return ran.stdout


class Client(ABC):
    """A generated client and the story that is told with it."""

    name: str
    story: str

    @abstractmethod
    def generate(self, document: Path, folder: Path) -> None:
        """Write the client into the folder; fail if the generator leaves anything out."""

    @abstractmethod
    def compile(self, folder: Path) -> None:
        """Compile the client, and check the story's types against it."""

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """Return what plays the story, once it is compiled."""

    def stage(self, document: Path, folder: Path) -> None:
        """Generate the client and put the story beside it."""
        self.generate(document, folder)
        copyfile(STORIES / self.story, folder / f"story{Path(self.story).suffix}")


class InPython(Client):
    tool: tools.Tool

    def compile(self, folder: Path) -> None:
        python = self.tool.program("python")
        done([python, "-m", "compileall", "-q", "."], folder)
        strict = ["--config-file=", "--strict", "--follow-imports=silent"]
        checked = [f"--python-executable={python}", f"--cache-dir={folder / '.mypy'}"]
        done([sys.executable, "-m", "mypy", *strict, *checked, "story.py"], folder)

    def command(self, folder: Path) -> list[str]:
        return [self.tool.program("python"), "story.py"]


class OpenApiPythonClient(InPython):
    name, story = "openapi-python-client", "openapi_python_client.py"
    tool = tools.PYTHON_CLIENT

    def generate(self, document: Path, folder: Path) -> None:
        program = self.tool.program("openapi-python-client")
        where = [f"--path={document}", f"--output-path={folder / 'iocash_client'}", "--meta=none"]
        done([program, "generate", *where, "--fail-on-warning"], folder)


class OpenApiGeneratorPython(InPython):
    name, story = "openapi-generator python", "openapi_generator.py"
    tool = tools.GENERATOR

    def generate(self, document: Path, folder: Path) -> None:
        by_openapi_generator("python", document, folder)


class InTypeScript(Client):
    def compile(self, folder: Path) -> None:
        options = {
            "strict": True,
            "module": "node16",
            "target": "es2022",
            "types": ["node"],
            "outDir": "compiled",
        }
        written = json.dumps({"compilerOptions": options, "files": ["story.ts"]})
        (folder / "tsconfig.json").write_text(written)
        modules = folder / "node_modules"
        modules.unlink(missing_ok=True)
        tsc = tools.TYPESCRIPT.program("tsc")
        modules.symlink_to(tools.TYPESCRIPT.modules)
        done([tsc, "--project", "."], folder)

    def command(self, folder: Path) -> list[str]:
        return ["node", "compiled/story.js"]


class OpenApiFetch(InTypeScript):
    name, story = "openapi-typescript", "openapi_fetch.ts"

    def generate(self, document: Path, folder: Path) -> None:
        program = tools.TYPESCRIPT.program("openapi-typescript")
        done([program, str(document), "--output", "schema.ts"], folder)


class TypeScriptFetch(InTypeScript):
    name, story = "openapi-generator typescript-fetch", "typescript_fetch.ts"

    def generate(self, document: Path, folder: Path) -> None:
        by_openapi_generator("typescript-fetch", document, folder / "client")


def by_openapi_generator(generator: str, document: Path, folder: Path) -> None:
    program = tools.GENERATOR.program("openapi-generator-cli")
    folder.mkdir(exist_ok=True)
    said = done([program, "generate", "-g", generator, "-i", str(document), "-o", "."], folder)
    wrong = [line for line in said.splitlines() if " ERROR " in line]
    assert not wrong, "\n".join(wrong)


CLIENTS: tuple[Client, ...] = (
    OpenApiPythonClient(),
    OpenApiGeneratorPython(),
    OpenApiFetch(),
    TypeScriptFetch(),
)
