"""Errors are in the language that the caller prefers; codes, statuses and facts never change."""

from __future__ import annotations

from string import Formatter
from typing import Any

import pytest
from django.test import Client as Browser
from django.test import RequestFactory
from django.utils import translation
from rest_framework import exceptions as drf

from iocash import errors
from iocash.errors import FieldError, Message, conflicts
from iocash.http import languages, problems
from tests.support import catalogues
from tests.support.raising import answer_to

pytestmark = pytest.mark.urls("tests.support.raising")

SPANISH = catalogues.translations(catalogues.ERRORS)
KINDS = [kind for kind in errors.REGISTRY.values() if kind is not errors.LimitExceeded]
WORDS = {"title", "detail", "errors", "requestId"}


def in_spanish(exc: Exception, **headers: Any) -> Any:
    return answer_to(exc, HTTP_ACCEPT_LANGUAGE="es", **headers)


def facts_of(template: str) -> dict[str, str]:
    return {name: f"<{name}>" for _, name, _, _ in Formatter().parse(template) if name}


# --- Every error -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_error_is_translated_with_its_facts(kind):
    facts = {} if issubclass(kind, errors.InvalidFields) else facts_of(kind.detail)
    english, spanish = answer_to(kind(**facts)), in_spanish(kind(**facts))
    assert spanish.status_code == english.status_code == kind.status
    assert spanish.json()["title"] == SPANISH[kind.title()]
    assert spanish.json()["detail"] == SPANISH[kind.detail].format(**facts)
    assert english.json()["title"] == kind.title()
    assert english.json()["detail"] == kind.detail.format(**facts)
    same = {name: each for name, each in english.json().items() if name not in WORDS}
    assert same == {name: each for name, each in spanish.json().items() if name not in WORDS}


@pytest.mark.parametrize("limit_type", conflicts.LIMITS)
def test_each_limit_is_translated(limit_type):
    facts = {"limit": "9.00", "used": "8.00", "requested": "7.00", "currency": "EUR"}
    about = {"wallet_id": "w", "limit_type": limit_type, "resets_at": None}
    answer = in_spanish(errors.LimitExceeded(**about, **facts))
    assert answer.json()["detail"] == SPANISH[conflicts.LIMITS[limit_type]].format(**facts)
    assert answer.json()["conflict"]["limitType"] == limit_type


def test_text_that_depends_on_facts_is_translated():
    facts = {"amount": "1.00", "reversed": "1.00", "left": "0.00", "currency": "EUR"}
    answer = in_spanish(errors.ReversalExceeded(**facts, requested="1.00"))
    assert answer.json()["detail"] == "Este movimiento ya se ha revertido por completo."


def test_wrong_fields_are_translated():
    wrong = [
        FieldError("movements[3].amount", "min_value", "Must be greater than zero."),
        FieldError("alias", "max_length", Message("Must match {form}.", form="[A-Z]{2}")),
        FieldError("note", "x", "Nobody has translated this."),
    ]
    assert in_spanish(errors.InvalidFields(*wrong)).json()["errors"] == [
        {
            "field": "movements[3].amount",
            "code": "min_value",
            "detail": "Debe ser mayor que cero.",
        },
        {"field": "alias", "code": "max_length", "detail": "Debe tener la forma [A-Z]{2}."},
        {"field": "note", "code": "x", "detail": "Nobody has translated this."},
    ]


def test_refused_items_are_translated():
    facts = {"required": "2.00", "available": "1.00", "currency": "EUR"}
    refused = errors.InsufficientFunds(**facts)
    item = {"index": 0, "code": refused.code, "detail": refused.words, **facts}
    answer = in_spanish(errors.BatchRefused(refused=1, count=2, items=[item]))
    assert answer.json()["conflict"]["items"][0]["detail"] == (
        "Saldo insuficiente: 2.00 EUR solicitados, 1.00 EUR disponibles."
    )


def test_values_of_callers_are_neither_translated_nor_filled_in():
    answer = in_spanish(errors.AlreadyExists(field="Insufficient funds {0}"))
    assert answer.json()["detail"] == "Insufficient funds {0} ya está en uso."
    assert answer.json()["conflict"] == {"field": "Insufficient funds {0}"}


@pytest.mark.parametrize(
    ("exc", "detail"),
    [
        (drf.NotFound(), "El recurso no existe."),
        (drf.PermissionDenied(), "No tiene permiso para esta operación."),
        (RuntimeError(), "Error interno. Indique el requestId al comunicarlo."),
    ],
)
def test_exceptions_of_others_are_translated(exc, detail):
    assert in_spanish(exc).json()["detail"] == detail


# --- Which language ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("es", "es"),
        ("ES", "es"),
        ("es-ES", "es"),
        ("es-419", "es"),
        ("es-ES,es;q=0.9,en;q=0.8", "es"),
        ("fr, es;q=0.5", "es"),
        ("en;q=0.5, es;q=0.6", "es"),
        ("", "en"),
        ("en", "en"),
        ("en-GB, es;q=0.9", "en"),
        ("en, es", "en"),
        ("es;q=0.5, en;q=0.6", "en"),
        ("es;q=0", "en"),
        ("fr", "en"),
        ("fr-FR, de;q=0.8", "en"),
        ("*", "en"),
        ("*, es;q=0.5", "en"),
        ("not a header", "en"),
        ("es;q=1.5", "en"),
        ("es;q=x", "en"),
        (";;;", "en"),
        ("\u00e9s", "en"),
        ("es-" + "x" * 10_000, "en"),
    ],
)
def test_header_chooses_the_language(header, language):
    answer = answer_to(errors.NotFound(), HTTP_ACCEPT_LANGUAGE=header)
    assert answer["Content-Language"] == language
    assert answer.json()["title"] == {"en": "Not found", "es": "No encontrado"}[language]


def test_error_without_the_header_is_in_english():
    answer = answer_to(errors.NotFound())
    assert (answer["Content-Language"], answer.json()["title"]) == ("en", "Not found")


def test_language_of_an_error_does_not_stay():
    in_spanish(errors.NotFound())
    assert translation.get_language() == "en-gb"
    assert answer_to(errors.NotFound()).json()["title"] == "Not found"


# --- The headers -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "es"])
def test_error_of_a_view_varies_with_the_language(language):
    answer = answer_to(errors.NotFound(), HTTP_ACCEPT_LANGUAGE=language)
    assert answer["Vary"].startswith("Accept, Accept-Language")
    assert answer["Content-Language"] == language


def test_error_outside_of_views_varies_with_the_language():
    request = RequestFactory().get("/api/x", HTTP_ACCEPT_LANGUAGE="es")
    answer = problems.answer(errors.NotFound(), request)
    assert (answer["Vary"], answer["Content-Language"]) == ("Accept, Accept-Language", "es")


@pytest.mark.parametrize("path", ["/api/unknown", "/api"])
def test_unknown_path_is_answered_in_the_language(path):
    answer = Browser().get(path, HTTP_ACCEPT_LANGUAGE="es")
    assert answer.json()["detail"] == "El recurso no existe."
    assert answer["Content-Language"] == "es"


def test_success_has_no_language():
    answer = Browser().options("/api/raising", HTTP_ACCEPT_LANGUAGE="es")
    assert answer.status_code == 200
    assert "Content-Language" not in answer.headers
    assert "Accept-Language" not in answer["Vary"]


def test_success_does_not_look_for_a_language(monkeypatch):
    monkeypatch.setattr(languages, "parse_accept_lang_header", None)
    answer = Browser().options("/api/raising", HTTP_ACCEPT_LANGUAGE="es")
    assert answer.status_code == 200


# --- Pages -------------------------------------------------------------------------------------


def test_pages_of_errors_are_in_english():
    answer = answer_to(
        errors.NotFound(), "/page", HTTP_ACCEPT="text/html", HTTP_ACCEPT_LANGUAGE="es"
    )
    assert "The resource does not exist." in answer.content.decode()
    assert "Content-Language" not in answer.headers


# --- Messages ----------------------------------------------------------------------------------


def test_message_can_be_packed_and_unpacked():
    inner = Message("more than {limit:,} objects", limit=20_000)
    packed = Message("The {kind} is damaged: {why}.", kind="PDF", why=inner).pack()
    message = Message.unpack(packed)
    assert message == "The PDF is damaged: more than 20,000 objects."
    assert message.pack() == packed
