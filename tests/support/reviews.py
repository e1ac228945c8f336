"""The queue of reviews and the review page, as staff use them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib.messages import get_messages
from django.test import Client as Browser
from django.urls import reverse

from tests.support.backoffice import list_of
from users import names
from users.kyc import Kind
from users.models import Access, KycDocument, Review, User

QUEUE = list_of(Review)


BACK = Kind.DOCUMENT_IDENTITY_BACK


def page_of(user: User) -> str:
    return reverse("admin:users_review_change", args=[user.pk])


def address_of(user: User, document: KycDocument) -> str:
    return reverse("admin:users_review_document", args=[user.pk, document.pk])


def do_action(
    browser: Browser, user: User, name: str, *documents: KycDocument, **values: str
) -> Any:
    address = reverse("admin:users_review_action", args=[user.pk, name])
    ids = [str(each.id) for each in documents]
    seen = {"key": str(uuid4()), "names": names.seen(User.objects.get(pk=user.pk))}
    return browser.post(address, {**seen, "documents": ids, **values})


def said(answer: Any) -> list[str]:
    """What the page after a decision says."""
    return [str(message) for message in get_messages(answer.wsgi_request)]


def queue(browser: Browser, **query: str) -> list[str]:
    """The names in the queue, in its order."""
    answer = browser.get(QUEUE, query)
    return [user.user_name for user in answer.context["cl"].result_list]


def looks() -> list[tuple[str, str, str]]:
    rows = Access.objects.order_by("id")
    return [(each.what, each.kind, each.actor) for each in rows]


def who(browser: Browser) -> str:
    return f"staff:{browser.session['_auth_user_id']}"


def picture_of(user: User, document: KycDocument, number: int = 1) -> str:
    return reverse("admin:users_review_picture", args=[user.pk, document.pk, number])
