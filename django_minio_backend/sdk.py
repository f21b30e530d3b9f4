"""The door to the minio SDK, and the only module that imports it.

Objects and buckets go over `client`; the SDK serves for its credential providers and for those
who want a `minio.Minio` of their own. It is imported when first asked for.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import TYPE_CHECKING, Any

import urllib3
from django.utils.module_loading import import_string

from django_minio_backend import errors, parsing
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.options import Options
from django_minio_backend.parsing import Endpoint
from django_minio_backend.signing import Credentials

if TYPE_CHECKING:
    from minio import Minio as Minio
else:
    Minio = Any


def credentials_source(options: Options) -> CredentialsSource:
    """Return what gives the credentials for each request; providers refresh theirs themselves.

    One for all parts of a storage, so that they share a provider and what it has cached.
    """
    return (FixedCredentials if options.credentials is None else ProvidedCredentials)(options)


def minio_client(
    options: Options,
    endpoint: Endpoint,
    http_client: urllib3.PoolManager,
    credentials: CredentialsSource,
) -> Minio:
    """Return a `minio.Minio` for `endpoint` that shares our connections and credentials."""
    from minio import Minio

    arguments: dict[str, Any] = {
        "endpoint": endpoint.netloc,
        "secure": endpoint.secure,
        "region": options.region,
        "http_client": http_client,
        **credentials.sdk_arguments(),
    }
    # Not the class's own signature: django-minio-storage gives that a `__new__`.
    known = inspect.signature(Minio.__init__).parameters
    return Minio(**{name: value for name, value in arguments.items() if name in known})


class FixedCredentials:
    """The keys from the options."""

    def __init__(self, options: Options) -> None:
        self._fixed = Credentials(options.access_key, options.secret_key, options.session_token)

    def __call__(self) -> Credentials:
        return self._fixed

    def sdk_arguments(self) -> dict[str, Any]:
        return dataclasses.asdict(self._fixed)


class ProvidedCredentials:
    """Credentials from MINIO_CREDENTIALS: a provider, or what a callable or dotted path gives."""

    def __init__(self, options: Options) -> None:
        self._alias = options.alias
        self._where = errors.Where(options.alias, options.bucket)
        self._given = options.credentials
        self._provider: Any = None

    def provider(self) -> Any:
        if self._provider is None:
            self._provider = self._resolve()
        return self._provider

    def sdk_arguments(self) -> dict[str, Any]:
        return {"credentials": self.provider()}

    def __call__(self) -> Credentials:
        provider = self.provider()
        try:
            found = provider.retrieve()
            return Credentials(
                parsing.header_text(found.access_key),
                parsing.text(found.secret_key),
                parsing.optional_header_text(found.session_token),
            )
        except Exception as error:
            # Whatever a provider raises; its text may hold what it was about to give.
            detail = f"MINIO_CREDENTIALS gave none: {type(error).__name__}"
            raise errors.build(errors.InvalidCredentials, self._where, detail=detail) from error

    def _resolve(self) -> Any:
        given = self._given
        if isinstance(given, str):
            try:
                given = import_string(given)
            except ImportError as error:
                raise self._fault(f"cannot be imported: {error}") from error
        if not hasattr(given, "retrieve") or isinstance(given, type):
            given = given()
        if not hasattr(given, "retrieve"):
            raise self._fault(f"gives a {type(given).__name__}, not a minio.credentials.Provider")
        return given

    def _fault(self, fault: str) -> ConfigurationError:
        return ConfigurationError(f"Storage '{self._alias}': MINIO_CREDENTIALS {fault}.")


CredentialsSource = FixedCredentials | ProvidedCredentials
