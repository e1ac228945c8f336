"""The client: all operations of the API, on connections that all threads share."""

from __future__ import annotations

import copy
import ssl
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from iocash_client.credentials import ApiKey, Credentials
from iocash_client.engine import Engine, Retries
from iocash_client.sandbox import Sandbox
from iocash_client.transport import Transport
from iocash_client.waiting import Waiting


class Client(Waiting):
    """Calls one server. All threads of a program can use one client at the same time.

    `credentials` are an API key, or `SignedTokens`. `language` is that of the texts of errors:
    `en` or `es`. `context` has the certificates to trust, if the system's are not enough.
    `allow_http` sends the API key unencrypted; without it, only loopback addresses accept http.

    Raises:
        ValueError: the URL or the key is malformed, or the URL is not encrypted.
    """

    def __init__(
        self,
        url: str,
        credentials: str | Credentials,
        *,
        retries: Retries | None = None,
        language: str | None = None,
        context: ssl.SSLContext | None = None,
        allow_http: bool = False,
    ) -> None:
        given = ApiKey(credentials) if isinstance(credentials, str) else credentials
        transport = Transport(url, context=context, allow_http=allow_http)
        super().__init__(Engine(transport, retries or Retries()), given, language)

    def with_retries(self, **changes: float) -> Self:
        """The same client with other times: `client.with_retries(deadline=5)`."""
        other = copy.copy(self)
        values: dict[str, Any] = dict(changes)
        other._engine = self._engine.with_retries(replace(self._engine.retries, **values))
        return other

    @property
    def sandbox(self) -> Sandbox:
        """The clock of a sandbox. On another server its methods raise `errors.NotFound`."""
        return Sandbox(self)

    @property
    def write_token(self) -> str | None:
        """The token of the last write: another process gives it to its client, to read the write.

        None: nothing was written, or the server has no replica.
        """
        return self._tokens.current()

    @write_token.setter
    def write_token(self, token: str | None) -> None:
        if token is not None:
            self._tokens.store(token)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
