"""The WSGI application that the web server imports."""

import ctypes
import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")

application = get_wsgi_application()

from django.conf import settings  # noqa: E402 (needs the settings)
from django.core.cache import close_caches  # noqa: E402
from django.core.signals import request_finished, request_started  # noqa: E402
from django.db import close_old_connections, reset_queries  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from iocash import metrics  # noqa: E402
from iocash.db.backend.base import DatabaseWrapper, renew  # noqa: E402
from iocash.http import waiting  # noqa: E402
from iocash.http.headers import Utf8Request  # noqa: E402
from iocash.http.unread import draining  # noqa: E402

application.request_class = Utf8Request
DatabaseWrapper.patience = settings.DATABASE_PATIENCE

# `renew` checks the open connections at the start and the end of a request. The cache is in memory.
request_started.disconnect(reset_queries)
request_finished.disconnect(close_caches)
for end in request_started, request_finished:
    end.disconnect(close_old_connections)
    end.connect(renew)

# Loaded modules stay in memory, so the garbage collector can skip them.
get_resolver().url_patterns  # noqa: B018 (loads the views)
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 10, 10)

# Return large blocks to the system when they are freed. By default glibc raises this threshold, and
# each thread keeps the memory of its largest batch.
M_MMAP_THRESHOLD, LARGE = -3, 128 * 1024
if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # glibc only
    mallopt(M_MMAP_THRESHOLD, LARGE)

waiting.listen()
metrics.METER.start(settings.METRICS_DIR)
application = draining(application)  # type: ignore[assignment]
