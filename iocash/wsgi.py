"""The WSGI application that the web server imports."""

import os

from django.core.wsgi import get_wsgi_application

from iocash import headers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "iocash.settings")

application = get_wsgi_application()
application.request_class = headers.Request
