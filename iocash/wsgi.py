"""The WSGI application that the web server imports."""

import ctypes
import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")

application = get_wsgi_application()

from django.urls import get_resolver  # noqa: E402 (what follows needs the settings, ready now)

from iocash.headers import Request  # noqa: E402

application.request_class = Request

# What is loaded stays: the collector need not look through it again and again.
get_resolver().url_patterns  # noqa: B018 (loads the views)
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 10, 10)

# A large block goes back to the system when it is free. glibc would keep it, for each thread, once
# it has seen one: the largest batch that each thread ever had.
M_MMAP_THRESHOLD, LARGE = -3, 128 * 1024
if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):  # others than glibc have none
    mallopt(M_MMAP_THRESHOLD, LARGE)
