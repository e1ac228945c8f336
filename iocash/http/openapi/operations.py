"""One operation of the OpenAPI document, and the schemas of what it takes and answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_spectacular import plumbing
from drf_spectacular.drainage import get_override
from drf_spectacular.openapi import AutoSchema as Spectacular
from rest_framework.serializers import ListSerializer

from iocash.http import fields
from iocash.http.chapters import chapter
from iocash.http.naming import camel
from iocash.http.openapi import headers, refusals
from iocash.http.operations import Operation
from iocash.http.serializers import text_of

Json = dict[str, Any]

NamedSchema: Any = plumbing.ResolvedComponent
ANY_OBJECT: Json = {"type": "object", "additionalProperties": True}


STYLES: Json = {
    "array": {"style": "form", "explode": False},
    "object": {"style": "deepObject", "explode": True},
}


def styled(parameter: Json) -> Json:
    """The parameter; its values are separated by commas, and its pairs are `name[key]=value`."""
    return {**parameter, **STYLES.get(parameter.get("schema", {}).get("type"), {})}


class AutoSchema(Spectacular):
    """One operation of a `views.View`."""

    view: Any

    @property
    def declared(self) -> Operation:
        declared: Operation = self.view.operations[self.method]
        return declared

    @property
    def is_alias(self) -> bool:
        """Whether the path is one that ioCash has published, beside our own."""
        return "/public/" in self.path

    def get_operation(self, *args: Any, **kwargs: Any) -> Json | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        operation.setdefault("security", [])
        if parameters := [*operation.get("parameters", []), *self._header_parameters()]:
            operation["parameters"] = [styled(each) for each in parameters]
        if "requestBody" in operation:
            operation["requestBody"]["required"] = not self.declared.body_optional
        for status, response in operation["responses"].items():
            response["headers"] = self._headers(int(status))
        if self.declared.dry_run:
            operation["x-dry-run"] = True
        kinds = refusals.refusals(self.view, self.method, self.path)
        operation["responses"] |= refusals.responses(kinds)
        return operation

    def _header_parameters(self) -> list[Json]:
        found = []
        if refusals.takes_key(self.view, self.method):
            found.append(headers.KEY_PARAMETER)
        if refusals.takes_if_match(self.view, self.method):
            found.append(headers.IF_MATCH_PARAMETER)
        if self.method == "PUT":
            found.append(headers.IF_NONE_MATCH_PARAMETER)
            if not self.view.versioned:
                found.append(headers.IF_THERE_PARAMETER)
        if self.declared.reads_replica:
            found.append(headers.READ_AFTER_PARAMETER)
        return found

    def _headers(self, status: int) -> Json:
        """Name the headers of an answer; what they are is said once for all operations."""
        names = ["X-Request-Id", "X-Sandbox"]
        is_dry_run = bool(self.declared.dry_run) and status == HTTPStatus.OK
        if status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
            names.append("Location")
        if self.view.versioned and not self._is_list_view() and not is_dry_run:
            names.append("ETag")
        if self.view.authentication_classes:
            names += headers.RATE_HEADERS
        if status < 300 and refusals.takes_key(self.view, self.method) and not is_dry_run:
            names.append("Idempotent-Replayed")
        if self.declared.reads_replica:
            names.append("X-As-Of")
        if self.method not in {"GET", "HEAD"} and self.view.authentication_classes:
            names += () if is_dry_run else ("X-Write-Token",)
        return headers.header_references(names)

    # Words

    def get_operation_id(self) -> str:
        if self.is_alias or not self.declared.name:
            return super().get_operation_id()
        return self.declared.name

    def get_summary(self) -> str:
        return self._words()[0].removesuffix(".")

    def get_description(self) -> str:  # type: ignore[override]
        """What follows the summary; the summary itself where nothing does."""
        summary, _, rest = self._words()
        return rest or summary

    def _words(self) -> tuple[str, str, str]:
        handler = getattr(self.view, self.method.lower())
        said = self.declared.text or handler.__doc__ or type(self.view)
        return text_of(said).partition("\n\n")

    def is_deprecated(self) -> bool:
        return self.is_alias or self.declared.deprecated is not None

    def get_tags(self) -> list[str]:
        return [chapter(self.view)]

    def get_auth(self) -> list[Json]:
        if not self.view.authentication_classes:
            return []
        scope = getattr(self.view, "scope", None)
        reads = self.method == "GET" or self.declared.reads
        kind = getattr(self.view, "reading_scope", "read") if reads else "write"
        return [{"bearer": [f"{scope}:{kind}"] if scope else []}]

    # Parameters, bodies and answers

    def get_override_parameters(self) -> list[Any]:
        parameters = self.declared.parameters
        return [parameters] if parameters else []

    def _resolve_path_parameters(self, variables: list[str]) -> list[Json]:
        return [self._path_parameter(variable) for variable in variables]

    def _path_parameter(self, variable: str) -> Json:
        field = self.view.path_fields.get(variable)
        if field is None:
            found: list[Json] = super()._resolve_path_parameters([variable])  # type: ignore[no-untyped-call]
            return {**found[0], "name": camel(variable)}
        schema = self._map_serializer_field(field, "request") or {}
        text = schema.pop("description", "")
        about = {"in": "path", "name": camel(variable), "required": True, "description": text}
        return {**about, "schema": schema}

    def get_request_serializer(self) -> Any:
        return (self.declared.body or fields.Serializer)()

    def get_response_serializers(self) -> Any:
        shown = self.declared.answers or self.view.serializer_class or ANY_OBJECT
        usual = HTTPStatus.CREATED if self.method == "POST" else HTTPStatus.OK
        answers = {str(int(status)): shown for status in self.declared.statuses or (usual,)}
        if self.declared.dry_run:
            answers[str(int(HTTPStatus.OK))] = self.declared.dry_run
        return answers

    def _map_serializer(
        self, serializer: Any, direction: Any, bypass_extensions: bool = False
    ) -> Json:
        schema: Json = super()._map_serializer(  # type: ignore[no-untyped-call]
            serializer, direction, bypass_extensions
        )
        if direction == "request":
            schema["additionalProperties"] = False
        schema |= serializer.together
        return self._with_variants(schema, serializer) if serializer.variants else schema

    def _with_variants(self, whole: Json, serializer: fields.Serializer) -> Json:
        """A schema for each variant of a body, and one that says which they are."""
        key, mapping = serializer.told_apart_by, {}
        own = {name for each in serializer.variants.values() for name in each.own}
        for value, variant in serializer.variants.items():
            told = {"type": "string", "const": str(value), "description": f"Always `{value}`."}
            names = [name for name in whole["properties"] if name not in own - {*variant.own}]
            properties = {name: whole["properties"][name] for name in names}
            schema = {
                **whole,
                "description": variant.text,
                "properties": properties | {key: told},
                "required": sorted({*whole["required"], *variant.required}),
            }
            component = NamedSchema(variant.name, NamedSchema.SCHEMA, schema, object=variant.name)
            self.registry.register_on_missing(component)
            mapping[str(value)] = component.ref["$ref"]
        return {
            "description": whole["description"],
            "oneOf": [{"$ref": reference} for reference in mapping.values()],
            "discriminator": {"propertyName": key, "mapping": mapping},
        }

    def _map_serializer_field(
        self, field: Any, direction: Any, bypass_extensions: bool = False
    ) -> Json | None:
        schema: Json | None = super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, bypass_extensions
        )
        if schema and isinstance(field, fields.Several):
            schema |= {"items": self._map_serializer_field(field.child, direction)}
        if schema and isinstance(field, ListSerializer):
            least, most = (None if field.allow_empty else 1), getattr(field, "max_length", None)
            bounds = {"minItems": least, "maxItems": most}
            schema |= {name: bound for name, bound in bounds.items() if bound is not None}
        return schema

    def _get_serializer_field_meta(self, field: Any, direction: Any) -> Json:
        meta: Json = super()._get_serializer_field_meta(field, direction)  # type: ignore[no-untyped-call]
        meta.pop("title", None)
        described = get_override(field, "field", {})
        if isinstance(described, dict) and described.get("default") == meta.get("default"):
            meta.pop("default", None)
        return meta

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    def _is_list_view(self, serializer: Any = None) -> bool:
        is_list = bool(self.view.collection) and self.declared.answers is None
        return self.method == "GET" and is_list

    def _get_paginator(self) -> Any:
        paginator = super()._get_paginator()  # type: ignore[no-untyped-call]
        paginator.view = self.view
        return paginator

    def _get_response_for_code(self, *args: Any, **kwargs: Any) -> Json:
        response: Json = super()._get_response_for_code(  # type: ignore[no-untyped-call]
            *args, **kwargs
        )
        status = HTTPStatus(int(args[1]))
        response["description"] = response["description"] or status.phrase
        return response
