"""The WSGI application that the web server imports."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")

application = get_wsgi_application()

from iocash.headers import Request  # noqa: E402 (it needs the settings, which are ready now)

application.request_class = Request
