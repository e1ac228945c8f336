"""400: the request is malformed, or a field is wrong."""

from iocash.errors.registry import BadRequest, FieldError


class InvalidFields(BadRequest):
    """One or more fields of the body are wrong; `errors` names all of them."""

    code = "invalid_fields"
    detail = "One or more fields are wrong."

    def __init__(self, *errors: FieldError) -> None:
        super().__init__()
        self.errors = errors


class InvalidParameters(InvalidFields):
    """One or more query parameters are wrong; `errors` names all of them."""

    code = "invalid_parameters"
    detail = "One or more query parameters are wrong."


class InvalidJson(BadRequest):
    """The body must be one JSON object in UTF-8 without duplicate keys."""

    code = "invalid_json"
    detail = "The body must be one JSON object in UTF-8."


class InvalidHeader(BadRequest):
    """A header has an invalid value."""

    code = "invalid_header"
    detail = "The header {header} has an invalid value."
    carries = ("header",)


class InvalidHost(BadRequest):
    """The Host header names a host that this server does not serve."""

    code = "invalid_host"
    detail = "The Host header names a host that this server does not serve."


class MethodNotAllowed(BadRequest):
    """The path does not support this method. The `Allow` header lists the supported ones."""

    code = "method_not_allowed"
    detail = "The method {method} is not allowed for this path."
    carries = ("method", "allow")


class UnsupportedMediaType(BadRequest):
    """The body was not sent as `application/json`."""

    code = "unsupported_media_type"
    detail = "Send the body as application/json."


class NotAcceptable(BadRequest):
    """The `Accept` header excludes JSON, the only supported format."""

    code = "not_acceptable"
    detail = "The response is JSON; the Accept header excludes it."


class LengthRequired(BadRequest):
    """The body was sent without a `Content-Length`."""

    code = "length_required"
    detail = "Send the body with a Content-Length, not chunked."


class BodyTooLarge(BadRequest):
    """The body exceeds the size limit."""

    code = "body_too_large"
    detail = "The body exceeds the limit of {limit} bytes."
    carries = ("limit",)


class BodyInterrupted(BadRequest):
    """The body ended before its `Content-Length`."""

    code = "body_interrupted"
    detail = "The body ended before its Content-Length."


class InvalidOtp(BadRequest):
    """The one-time password is wrong."""

    code = "invalid_otp"
    detail = "The one-time password is wrong. Attempts left: {tries_left}."
    carries = ("tries_left",)
