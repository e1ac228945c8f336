"""`compose.yaml`, the Dockerfile and the files in `deploy` say what the code says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest
from django.conf import settings

import dev
from iocash import demo, errors
from iocash.postgres.cluster import ROLES, SETTINGS
from iocash.worker.loop import LAST_BATCH
from tests.support.deployment import COMPOSE, DOCKERFILE, SERVICES, config
from tests.support.nginx import CONFIGURATION as PROXY
from users.views.kyc import DocumentView
from wallets.views.movements import BatchView

UNIT = (dev.ROOT / "deploy" / "iocash-web.service").read_text()
WORKER_UNIT = (dev.ROOT / "deploy" / "iocash-worker.service").read_text()


def test_image_serves_with_the_options_of_the_demo():
    command = json.loads(re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[0])
    shown = " ".join(command).replace("0.0.0.0", "127.0.0.1")
    assert shown == f"granian {demo.GRANIAN} --port 8000 iocash.wsgi:application"


def test_image_is_built_from_the_lock_and_existing_files():
    assert "--require-hashes -r requirements.txt" in DOCKERFILE
    copied = re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in " ".join(copied).split():
        assert (dev.ROOT / name).exists()


def test_image_serves_without_root_and_keeps_documents_in_a_volume():
    assert DOCKERFILE.index("USER iocash") < DOCKERFILE.index("CMD")
    folder = "/var/lib/iocash/documents"
    assert f"DOCUMENTS_DIR={folder}" in DOCKERFILE
    for name in ("app", "worker"):
        assert SERVICES[name]["volumes"] == [f"documents:{folder}"]


def test_roles_equal_the_embedded_servers():
    script = config("roles")
    for line in ROLES.strip().splitlines():
        made = line.replace(" CREATEDB", "")  # of tests, and they are not run there
        assert made in script.replace(" PASSWORD :'owner'", "").replace(" PASSWORD :'app'", "")


def test_only_migrate_has_the_owner_role():
    knowing = {name for name, service in SERVICES.items() if "iocash_owner" in json.dumps(service)}
    assert knowing == {"migrate"}
    assert "user=iocash_app" in SERVICES["app"]["environment"]["DATABASE_URL"]


def test_every_variable_is_read_by_the_settings():
    read = (dev.ROOT / "iocash" / "settings" / "__init__.py").read_text()
    for service in ("migrate", "app", "worker"):
        for name in SERVICES[service]["environment"]:
            assert f'"{name}"' in read, name


def test_server_trusts_its_one_proxy():
    assert SERVICES["app"]["environment"]["TRUSTED_PROXIES"] == "${TRUSTED_PROXIES:-1}"
    assert "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;" in PROXY


def test_services_have_health_checks_and_wait_for_their_dependencies():
    assert "/livez" in json.dumps(SERVICES["app"]["healthcheck"])
    assert "/readyz" in json.dumps(SERVICES["proxy"]["healthcheck"])
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert list(SERVICES["app"]["depends_on"]) == ["migrate"]
    assert SERVICES["worker"]["depends_on"] == SERVICES["app"]["depends_on"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


def test_proxy_passes_the_largest_accepted_body():
    sizes = [int(size) for size in re.findall(r"client_max_body_size (\d+);", PROXY)]
    largest = {view.operations["POST"].max_body_bytes for view in (BatchView, DocumentView)}
    assert sizes == [settings.MAX_DOCUMENT_BODY_BYTES] == [*largest]


def test_location_with_own_headers_repeats_the_headers_of_the_server():
    """nginx inherits none of them then: the health check had the host `app`, and got 400."""
    general, *locations = re.split(r"^    location ", PROXY, flags=re.MULTILINE)
    shared = set(re.findall(r"proxy_set_header (\S+ \S+);", general))
    assert "Host $http_host" in shared
    own = [set(re.findall(r"proxy_set_header (\S+ \S+);", text)) for text in locations]
    assert any(own)
    assert all(shared <= headers for headers in own if headers)


def test_proxys_errors_have_registered_codes():
    for status, code in re.findall(r'"status": (\d+), "code": "(\w+)"', PROXY):
        assert errors.REGISTRY[code].status == int(status)
    for code in re.findall(r'"code": "(\w+)", "detail"', PROXY):
        assert errors.REGISTRY[code].status == 503
    assert set(re.findall(r"#(\w+)", PROXY)) == set(re.findall(r'"code": "(\w+)"', PROXY))


def test_proxy_is_configured_by_the_file_in_deploy():
    assert COMPOSE["configs"]["proxy"] == {"file": "deploy/nginx.conf"}
    assert (dev.ROOT / COMPOSE["configs"]["proxy"]["file"]).exists()


def test_database_logs_as_the_embedded_server_without_parameters():
    flags = dict(flag.removeprefix("--").split("=") for flag in SERVICES["db"]["command"][1:])
    silent = {name: SETTINGS[name] for name in SETTINGS if name.startswith("log_e")}
    assert silent.items() <= flags.items()
    assert flags["log_parameter_max_length_on_error"] == flags["log_parameter_max_length"] == "0"


def test_every_service_has_bounded_logs():
    for name, service in SERVICES.items():
        assert service["logging"]["options"]["max-size"], name


def test_exited_server_is_restarted():
    for name in ("db", "app", "worker", "proxy"):
        assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES["app"]["init"] is True
    for unit in (UNIT, WORKER_UNIT):
        assert "Restart=always" in unit


def test_build_context_contains_only_the_copied_files():
    ignored = (dev.ROOT / ".dockerignore").read_text().split()
    copied = set(" ".join(re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE)).split())
    assert ignored[0] == "*"
    assert {name.removeprefix("!") for name in ignored if name.startswith("!")} == copied


def test_unit_serves_with_the_options_of_the_image():
    (command,) = re.findall(r"^ExecStart=\S+/granian (.+)$", UNIT, re.MULTILINE)
    assert command == f"{demo.GRANIAN} --port 8000 iocash.wsgi:application"


def test_unit_of_the_worker_runs_the_command_of_compose():
    (command,) = re.findall(r"^ExecStart=\S+/python (.+)$", WORKER_UNIT, re.MULTILINE)
    assert ["python", *command.split()] == SERVICES["worker"]["command"]


def test_supervisors_wait_longer_than_the_worker_for_its_last_batches():
    assert LAST_BATCH < 40
    assert SERVICES["worker"]["stop_grace_period"] == "40s"
    assert "TimeoutStopSec=40" in WORKER_UNIT


def test_worker_has_a_tenth_of_the_weight_of_the_server():
    assert "cpu_shares" not in SERVICES["app"]
    assert SERVICES["worker"]["cpu_shares"] == 1024 // 10
    assert "CPUWeight" not in UNIT
    assert "CPUWeight=10\n" in WORKER_UNIT


def test_units_have_the_same_limits():
    """The unit of the worker is that of the web server, but for what it runs."""
    hardened = r"\nStateDirectory=.+"
    (web,), (worker,) = (re.findall(hardened, each, re.DOTALL) for each in (UNIT, WORKER_UNIT))
    assert web == worker


@pytest.mark.ci
@pytest.mark.parametrize("unit", [UNIT, WORKER_UNIT], ids=["web", "worker"])
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_unit_passes_systemds_own_check(unit, tmp_path):
    """Takes a second; needs systemd-analyze."""
    copy, program = tmp_path / "iocash.service", tmp_path / "program"
    program.symlink_to(sys.executable)  # whose path may have a space
    copy.write_text(re.sub(r"(?<=ExecStart=)\S+", str(program), unit))
    done = subprocess.run(
        ["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
