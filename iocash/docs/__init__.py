"""The documentation: the OpenAPI document, its examples, guides, and every call."""
