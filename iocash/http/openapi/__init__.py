"""The OpenAPI document: what drf-spectacular cannot see by itself, above all the refusals.

A handler declares with `@operation` what it can answer beyond what every operation can; the rest
follows from rules, here. Tests hold the document and the server together.

Generators of clients take less than OpenAPI allows. Hence: every object and every enumeration has a
name, a body with variants is a `oneOf` of complete schemas, nothing is beside a `$ref`, and no
schema is a boolean.
"""
