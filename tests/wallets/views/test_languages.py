"""Errors of real requests in Spanish: of bodies, of rules, of items, and of documents."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser
from django.test import RequestFactory

from iocash import errors
from iocash.http import problems
from tests.support import hostile_files, people
from tests.support import kyc as shown
from tests.support.people import Answer, Api
from wallets.models import Wallet
from wallets.posting import group

pytestmark = pytest.mark.django_db

SPANISH = {"Accept-Language": "es-ES,es;q=0.9,en;q=0.8"}
FEW = "Saldo insuficiente: 500.00 EUR solicitados, 100.00 EUR disponibles."


@pytest.fixture
def movements(alices: Wallet) -> str:
    return f"wallets/{alices.id}/movements"


def details(answer: Answer) -> dict[str, str]:
    return {error["field"]: error["detail"] for error in answer.json["errors"]}


# --- Bodies and parameters ---------------------------------------------------------------------


def test_every_wrong_field_is_explained(api: Api, movements: str):
    body = {"type": "CASH_OUT", "amount": "0", "note": "x", "concept": "x" * 141}
    answer = api.post(movements, body, headers=SPANISH)
    assert (answer.code, answer.json["title"]) == ("invalid_fields", "Campos no válidos")
    assert answer.wrong == {
        "amount": "min_value",
        "concept": "max_length",
        "note": "unknown_field",
        "iban": "required",
    }
    assert details(answer) == {
        "amount": "Debe ser mayor que cero.",
        "concept": "Debe tener como máximo 140 caracteres.",
        "note": "Campo desconocido.",
        "iban": "Este campo es obligatorio.",
    }


def test_wrong_fields_of_items_are_explained(api: Api, alices: Wallet):
    items = [{"type": "CASH_IN", "amount": "x"}, {"type": "LOAN", "amount": "1"}, 1]
    path = f"wallets/{alices.id}/movements/batch"
    answer = api.post(path, {"movements": items}, headers=SPANISH)
    assert details(answer) == {
        "movements[0].amount": "Indique un importe como 12.50 (punto como separador decimal, sin "
        "símbolo de divisa).",
        "movements[1].type": "Debe ser uno de: CASH_IN, CASH_OUT, TRANSFER.",
        "movements[2]": "Debe ser un objeto.",
    }
    for body, detail in (
        ([], "Esta lista no puede estar vacía."),
        ({}, "Se esperaba una lista de elementos, pero se recibió el tipo «dict»."),
        ([{}] * 1001, "Debe tener como máximo 1000 elementos."),
    ):
        answer = api.post(path, {"movements": body}, headers=SPANISH)
        assert details(answer) == {"movements": detail}


def test_wrong_fields_that_a_rule_finds_are_explained(api: Api, movements: str, alices: Wallet):
    body = people.to(alices)
    assert details(api.post(movements, body, headers=SPANISH)) == {
        "targetWalletId": "Debe ser otro monedero."
    }
    answer = api.post(movements, people.cash("0.001"), headers=SPANISH)
    assert details(answer) == {"amount": "Como máximo 2 decimales para EUR."}


def test_existing_resource_and_missing_list_are_explained(api: Api, alice: Any, alices: Wallet):
    path = f"users/{alice.id}/occupation"
    assert api.post(path, shown.BLOCKS["occupation"]).status == 201
    answer = api.post(path, shown.BLOCKS["occupation"], headers=SPANISH)
    assert answer.json["detail"] == "occupation ya existe. Utilice PUT para reemplazarlo."
    batch = f"wallets/{alices.id}/movements/batch"
    answer = api.post(batch, {"movements": None}, headers=SPANISH)
    assert details(answer) == {"movements": "Este campo no puede ser null."}


def test_wrong_metadata_is_explained(api: Api, movements: str):
    body = people.cash(metadata={"a": 1, "b": "x" * 501})
    assert details(api.post(movements, body, headers=SPANISH)) == {
        "metadata.a": "Debe ser una cadena de texto.",
        "metadata.b": "Debe tener como máximo 500 caracteres.",
    }


def test_wrong_parameters_are_explained(api: Api, movements: str):
    query = "size=101&sort=x&cursor=x&page=1&startDate=2026-02-01&endDate=2026-01-01"
    answer = api.get(f"{movements}?{query}", headers=SPANISH)
    assert details(answer) == {
        "page": "Parámetro desconocido.",
        "size": "Debe ser como máximo 100.",
        "sort": "Debe ser uno de: createdAt,desc, createdAt,asc.",
        "cursor": "Debe ser un cursor tomado de un enlace de una página.",
    }
    answer = api.get(f"{movements}?startDate=2026-02-01&endDate=2026-01-01", headers=SPANISH)
    assert details(answer) == {"endDate": "Debe ser posterior a startDate."}


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"", "El cuerpo está vacío; envíe un objeto JSON."),
        (b"[]", "El cuerpo debe ser un objeto, no una lista."),
        (
            b'{"a" 1}',
            "El cuerpo no es JSON válido: se esperaba el separador ':' (línea 1, columna 6).",
        ),
        (b'{"a{b}": 1, "a{b}": 2}', 'La clave "a{b}" se repite en un mismo objeto.'),
        (b'{"{0}": "\\u0000"}', "{0} contiene un carácter de control o un sustituto suelto."),
    ],
)
def test_json_that_is_wrong_is_explained(api: Api, movements: str, raw: bytes, detail: str):
    answer = api.post(movements, raw=raw, headers=SPANISH)
    assert (answer.code, answer.json["detail"]) == ("invalid_json", detail)


@pytest.mark.parametrize(
    ("method", "headers", "code", "detail"),
    [
        ("PUT", {}, "method_not_allowed", "El método PUT no está permitido para esta ruta."),
        (
            "GET",
            {"Accept": "image/png"},
            "not_acceptable",
            "La respuesta es JSON; la cabecera Accept lo excluye.",
        ),
        (
            "GET",
            {"Authorization": "Bearer x"},
            "invalid_credentials",
            "La clave de API es desconocida o está mal formada.",
        ),
    ],
)
def test_requests_that_no_handler_sees_are_explained(
    api: Api, movements: str, method: str, headers: dict[str, str], code: str, detail: str
):
    answer = api.call(method, movements, headers=SPANISH | headers)
    assert (answer.code, answer.json["detail"]) == (code, detail)
    assert answer.headers["Content-Language"] == "es"


def test_documents_are_refused_in_words_from_another_process(api: Api, alice: Any):
    content = hostile_files.pdf(b"<< /X /EmbeddedFile >>")
    answer = api.post(
        f"users/{alice.id}/documents/income-tax", shown.document(content), headers=SPANISH
    )
    assert details(answer) == {
        "content": "El PDF contiene un archivo incrustado. Imprímalo en un PDF nuevo y envíe ese."
    }
    answer = api.post(
        f"users/{alice.id}/documents/income-tax",
        shown.document(hostile_files.png(width=0)),
        headers=SPANISH,
    )
    assert details(answer) == {
        "content": "El archivo (imagen PNG) está dañado: su anchura o su altura es 0. Guárdelo de "
        "nuevo como un archivo nuevo."
    }


# --- Rules -------------------------------------------------------------------------------------


def test_refusal_keeps_its_code_and_facts(api: Api, movements: str, bobs: Wallet):
    english = api.post(movements, people.to(bobs, "500.00"))
    spanish = api.post(movements, people.to(bobs, "500.00"), headers=SPANISH)
    assert english.json["detail"].startswith("Insufficient funds: 500.00 EUR requested")
    assert (spanish.json["title"], spanish.json["detail"]) == ("Saldo insuficiente", FEW)
    for name in ("type", "status", "code", "conflict", "instance"):
        assert spanish.json[name] == english.json[name]


def test_items_of_a_batch_and_of_an_operation_are_refused_in_the_language(
    api: Api, alices: Wallet, bobs: Wallet
):
    transfer = {"targetWalletId": str(bobs.id), "amount": "500.00"}
    batch = {"movements": [{"type": "TRANSFER", **transfer}]}
    operation = {"transfers": [{"sourceWalletId": str(alices.id), **transfer}]}
    for path, body in ((f"wallets/{alices.id}/movements/batch", batch), ("operations", operation)):
        answer = api.post(path, body, headers=SPANISH)
        assert answer.json["detail"] == ("Se rechazaron 1 de 1 movimientos; no se ejecutó ninguno.")
        assert [item["detail"] for item in answer.json["conflict"]["items"]] == [FEW]


def test_dry_run_is_refused_in_the_language(api: Api, movements: str, bobs: Wallet):
    answer = api.post(f"{movements}?dryRun=true", people.to(bobs, "500.00"), headers=SPANISH)
    assert answer.json["detail"] == FEW


def test_each_order_of_a_group_is_refused_in_the_language_of_its_request(
    alices: Wallet, bobs: Wallet
):
    """The thread of one request may judge the orders of others."""
    order = people.a_transfer(alices, bobs, 500_00)
    refusals = group.post([order, order])
    bodies = [
        problems.body(refused, RequestFactory().get("/api/x", headers={"Accept-Language": each}))
        for refused, each in zip(refusals, ("es", "en"), strict=True)
        if isinstance(refused, errors.Refused)
    ]
    assert [body["title"] for body in bodies] == ["Saldo insuficiente", "Insufficient funds"]


# --- Keys --------------------------------------------------------------------------------------


def test_repeated_key_answers_the_same_bytes_in_any_language(
    api: Api, movements: str, bobs: Wallet
):
    def sent(language: str) -> bytes:
        answer = Browser().post(
            f"/api/v1/{movements}",
            people.dump(people.to(bobs)),
            content_type="application/json",
            headers={
                "Authorization": f"Bearer {api.secret}",
                "Idempotency-Key": "k",
                "Accept-Language": language,
            },
        )
        assert "Content-Language" not in answer.headers
        return answer.content

    assert sent("es") == sent("en") == sent("es")
    assert people.balances(bobs) == [10_00]


def test_reused_key_is_refused_in_the_language(api: Api, movements: str, bobs: Wallet):
    assert api.post(movements, people.to(bobs), key="k").status == 201
    answer = api.post(movements, people.to(bobs, "11.00"), key="k", headers=SPANISH)
    assert answer.code == "idempotency_key_reused"
    assert answer.json["detail"] == "La Idempotency-Key se utilizó para otra solicitud."


def test_refused_request_is_judged_again_in_the_language_of_the_retry(
    api: Api, movements: str, bobs: Wallet
):
    body = people.to(bobs, "500.00")
    assert api.post(movements, body, key="k").json["title"] == "Insufficient funds"
    assert api.post(movements, body, key="k", headers=SPANISH).json["title"] == "Saldo insuficiente"


# --- Pages for people --------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/api/docs", "/api/docs/error-handling"])
def test_pages_outside_the_back_office_are_in_english(path: str):
    answer = Browser().get(path, headers=SPANISH | {"Accept": "text/html"})
    assert answer.status_code == 200
    assert '<html lang="en' in answer.content.decode()
    assert "Content-Language" not in answer.headers


def test_page_of_the_browsable_api_shows_the_error_in_the_language(api: Api, movements: str):
    headers = SPANISH | {"Accept": "text/html", "Authorization": f"Bearer {api.secret}"}
    answer = Browser().get(f"/api/v1/{movements}?size=0", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "Debe ser como mínimo 1." in answer.content.decode()


def test_back_office_has_the_language_of_the_browser(staff: Any):
    browser = Browser(headers=SPANISH)
    assert "Contraseña" in browser.get("/admin/login/").text
    browser.force_login(staff)
    answer = browser.get("/admin/password_change/")
    assert (answer.status_code, '<html lang="es"' in answer.text) == (200, True)
    assert browser.get("/admin/unknown/").status_code == 404
    assert '<html lang="en' in browser.get("/").text
