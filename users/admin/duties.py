"""The page of duties: what the worker does, when it did it last, and what is late or has failed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from iocash.db import clock
from users import menu, pages
from users.manual import MANUAL
from users.menu import MenuSection
from users.models import DutyState


@pages.page("duties/", name="duties", permission=None)
def list_duties(request: HttpRequest) -> HttpResponse:
    """The duties of the worker, with their last run."""
    now, present = timezone.now(), clock.now()
    rows = [(each, each.is_late(now, present)) for each in DutyState.objects.present()]
    return pages.render(request, "admin/duties.html", title=gettext("Duties"), rows=rows)


menu.add(MenuSection.SETTINGS, _("Duties"), "duties", permission=None)
MANUAL.add(
    "worker",
    _("Webhooks, scheduled runs and duties"),
    _("What the server does by itself, and what to do when something of it fails."),
    covers=(
        "duties",
        "users_webhookattempt",
        "users_webhookdelivery",
        "users_webhookendpoint",
        "wallets_scheduledoperation",
        "wallets_scheduledrun",
    ),
)
