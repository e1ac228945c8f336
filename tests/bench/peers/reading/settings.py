"""The product's settings, with two addresses more."""

from iocash.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.peers.reading.urls"
