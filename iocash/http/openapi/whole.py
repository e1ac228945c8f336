"""The last steps of the OpenAPI document, as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from iocash import errors
from iocash.http.naming import camel
from iocash.http.openapi import components, headers, refusals
from iocash.http.openapi.links import link_creations
from iocash.http.openapi.sharing import Occurrence, share
from iocash.http.serializers import text_of

Json = dict[str, Any]

PROPERTIES = {
    "alertBelow": "AlertBelow",
    "amount": "OrderAmount",
    "concept": "Concept",
    "createdAt": "CreatedAt",
    "currency": "ExpectedCurrency",
    "dltAddress": "DltAddress",
    "email": "EmailOrNull",
    "externalAccountId": "ExternalAccountId",
    "holderName": "HolderNameOrNull",
    "holdId": "HoldId",
    "kinds": "EventPatterns",
    "limitType": "LimitType",
    "metadata": "MetadataOrNull",
    "movementId": "MovementId",
    "publishedAt": "PublishedAt",
    "reason": "RejectionReason",
    "reference": "Reference",
    "requested": "Requested",
    "resetsAt": "ResetsAt",
    "retryAt": "RetryAt",
    "retryUntil": "RetryUntil",
    "reviewedAt": "ReviewedAt",
    "scheduledOperationId": "ScheduledOperationId",
    "timeZone": "TimeZone",
    "updatedAt": "UpdatedAt",
    "url": "WebhookUrl",
    "userId": "UserId",
    "userName": "UserName",
    "walletId": "WalletId",
    "webhookEndpointId": "WebhookEndpointId",
}
"""The properties that many schemas have, and the component that describes the commonest form."""

BESIDE = {"readOnly", "allOf"}
"""Members that drf-spectacular puts beside a reference; the document does not need them."""


def complete(result: Json, **kwargs: Any) -> Json:
    """Add the components that no serializer describes; a hook of drf-spectacular."""
    result["paths"] = {camel_path(path): methods for path, methods in result["paths"].items()}
    about = {"description": text_of(components.DESCRIPTION), "license": components.LICENSE}
    result |= {"info": result["info"] | about, "servers": components.SERVERS}
    codes = codes_of(result["paths"])
    known = result.setdefault("components", {})
    known["responses"] = refusals.share_refusals(result["paths"])
    known["securitySchemes"] = components.SCHEMES
    known["schemas"] = known.get("schemas", {}) | components.schemas(codes)
    name_embedded(known["schemas"])
    known["schemas"] = simplified(known["schemas"])
    share_properties(known["schemas"])
    known["schemas"] = dict(sorted(known["schemas"].items()))
    result["paths"] = simplified(result["paths"])
    link_creations(result["paths"])
    known["parameters"] = share("parameters", parameters_of(result["paths"]))
    known["links"] = share("links", links_of(result["paths"]))
    known["headers"] = {name: headers.HEADERS[name] for name in sorted(headers_of(result))}
    return result


def set_dry_runs_apart(result: Json, **kwargs: Any) -> Json:
    """Move the response to a dry run out of `responses`; a hook of drf-spectacular.

    Generated clients would take its schema, which has no id, for that of the created resource.
    """
    for methods in result["paths"].values():
        for operation in methods.values():
            if "x-dry-run" in operation:
                operation["x-dry-run"] = operation["responses"].pop("200")
    return result


def camel_path(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: f"{{{camel(found[1])}}}", path)


def codes_of(paths: Json) -> set[str]:
    """All codes with which the operations refuse."""
    return {
        code
        for methods in paths.values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for code in response.get("x-codes", ())
    }


def operations_of(paths: Json) -> list[Json]:
    return [operation for methods in paths.values() for operation in methods.values()]


def parameters_of(paths: Json) -> Iterator[Occurrence]:
    """Each parameter of each operation."""
    for operation in operations_of(paths):
        for at, parameter in enumerate(operation.get("parameters", ())):
            yield Occurrence(operation["parameters"], at, parameter["name"])


def links_of(paths: Json) -> Iterator[Occurrence]:
    """Each link of each response."""
    for operation in operations_of(paths):
        for response in operation["responses"].values():
            for name, link in response.get("links", {}).items():
                yield Occurrence(response["links"], name, link["operationId"])


def headers_of(result: Json) -> set[str]:
    """The headers of all responses."""
    operations = [each for methods in result["paths"].values() for each in methods.values()]
    told = [each for operation in operations for each in operation["responses"].values()]
    shared = result["components"]["responses"].values()
    return {name for response in (*told, *shared) for name in response.get("headers", ())}


def name_embedded(schemas: Json) -> None:
    """Name what pages embed by their collection: `EmbeddedWallets`.

    Not `Wallets`: its only property is `wallets`, and a generator confuses the two.
    """
    for name, page in list(schemas.items()):
        if name.endswith("Page"):
            embedded = page["properties"]["_embedded"]
            (collection,) = embedded["properties"]
            known = f"Embedded{collection[0].upper()}{collection[1:]}"
            schemas.setdefault(known, embedded)
            page["properties"]["_embedded"] = {"$ref": f"#/components/schemas/{known}"}


def share_properties(schemas: Json) -> None:
    """Describe each of PROPERTIES once: where it is the same, schemas refer to a component."""
    for name, component in PROPERTIES.items():
        having = [
            each["properties"] for each in schemas.values() if name in each.get("properties", {})
        ]
        forms = [properties[name] for properties in having]
        commonest = max(forms, key=lambda form: forms.count(form) * len(str(form)), default=None)
        if commonest is None or forms.count(commonest) < 2 or component in schemas:
            continue
        for properties in having:
            if properties[name] == commonest:
                properties[name] = {"$ref": f"#/components/schemas/{component}"}
        schemas[component] = commonest


def simplified(node: Any) -> Any:
    """Leave out `readOnly`, since answers and bodies have schemas of their own.

    Raises:
        errors.Inconsistent: what is beside a reference would be lost.
    """
    if isinstance(node, list):
        return [simplified(each) for each in node]
    if not isinstance(node, dict):
        return node
    if is_wrapped(node):
        if node.keys() - BESIDE:
            raise errors.Inconsistent(f"beside a reference: {node}")
        return node["allOf"][0]
    return {
        name: simplified(value)
        for name, value in node.items()
        if (name, value) != ("readOnly", True)
    }


def is_wrapped(node: Json) -> bool:
    """Whether drf-spectacular has wrapped a reference, to put something beside it."""
    parts = node.get("allOf")
    return isinstance(parts, list) and len(parts) == 1 and "$ref" in parts[0]
