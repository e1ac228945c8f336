"""400: the request can't be understood, or a field is wrong."""

from iocash.errors.registry import BadRequest, FieldError


class InvalidFields(BadRequest):
    """One or more fields of the body are wrong; `errors` names every one of them."""

    code = "invalid_fields"
    detail = "One or more fields are wrong."

    def __init__(self, *errors: FieldError) -> None:
        super().__init__()
        self.errors = errors


class InvalidParameters(InvalidFields):
    """One or more query parameters are wrong; `errors` names every one of them."""

    code = "invalid_parameters"
    detail = "One or more query parameters are wrong."


class InvalidJson(BadRequest):
    """The body is not one JSON object in UTF-8 without duplicate keys."""

    code = "invalid_json"
    detail = "The body is not one JSON object in UTF-8."


class InvalidHeader(BadRequest):
    """A header has a value that can't be understood."""

    code = "invalid_header"
    detail = "The header {header} can't be understood."
    carries = ("header",)


class InvalidHost(BadRequest):
    """The Host header names a host that this server does not serve."""

    code = "invalid_host"
    detail = "The Host header names a host that is not served here."


class MethodNotAllowed(BadRequest):
    """The path exists, the method does not; `Allow` lists those that do."""

    code = "method_not_allowed"
    detail = "{method} is not allowed here."
    carries = ("method", "allow")


class UnsupportedMediaType(BadRequest):
    """The body is not sent as `application/json`."""

    code = "unsupported_media_type"
    detail = "Send the body as application/json."


class NotAcceptable(BadRequest):
    """The `Accept` header excludes JSON."""

    code = "not_acceptable"
    detail = "The answer is JSON, and the Accept header excludes it."


class LengthRequired(BadRequest):
    """The body came without a `Content-Length`."""

    code = "length_required"
    detail = "Send the body with a Content-Length, not chunked."


class BodyTooLarge(BadRequest):
    """The body is larger than is read here."""

    code = "body_too_large"
    detail = "The body is larger than {limit} bytes."
    carries = ("limit",)


class BodyInterrupted(BadRequest):
    """The body ended before its `Content-Length`."""

    code = "body_interrupted"
    detail = "The body ended too early."


class InvalidOtp(BadRequest):
    """The one-time password is not the one that was sent."""

    code = "invalid_otp"
    detail = "The one-time password is wrong; {tries_left} tries are left."
    carries = ("tries_left",)
