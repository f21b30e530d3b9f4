"""The keys that sign requests: fixed ones, or from a provider of the minio SDK."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

from django.utils.module_loading import import_string

from django_minio_backend import errors
from django_minio_backend.config import parsers
from django_minio_backend.config.options import Options
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.s3.signing import Credentials


def choose_credentials(options: Options) -> CredentialsSource:
    """Return the source of the credentials. Providers refresh theirs themselves.

    All parts of a storage share it, and with it the provider and its cache.
    """
    return (FixedCredentials if options.credentials is None else ProvidedCredentials)(options)


class FixedCredentials:
    """The keys from the options."""

    def __init__(self, options: Options) -> None:
        self._fixed = Credentials(options.access_key, options.secret_key, options.session_token)

    def __call__(self) -> Credentials:
        return self._fixed

    def sdk_arguments(self) -> dict[str, Any]:
        fields = dataclasses.asdict(self._fixed)
        return {name: fields[name] for name in ("access_key", "secret_key", "session_token")}


class ProvidedCredentials:
    """Credentials from MINIO_CREDENTIALS: a provider, or a callable or dotted path for one."""

    def __init__(self, options: Options) -> None:
        self._alias = options.alias
        self._where = errors.Location(options.alias, options.bucket)
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
            credentials = provider.retrieve()
            return Credentials(
                parsers.parse_header_text(credentials.access_key),
                parsers.parse_text(credentials.secret_key),
                parsers.parse_optional_header_text(credentials.session_token),
                _make_aware(getattr(credentials, "expiration", None)),
            )
        except Exception as error:
            # A provider may raise anything, and its text may hold the keys.
            detail = f"MINIO_CREDENTIALS gave none: {type(error).__name__}"
            raise errors.make_error(
                errors.InvalidCredentials, self._where, detail=detail
            ) from error

    def _resolve(self) -> Any:
        provider = self._given
        if isinstance(provider, str):
            try:
                provider = import_string(provider)
            except ImportError as error:
                raise self._fault(f"cannot be imported: {error}") from error
        if not hasattr(provider, "retrieve") or isinstance(provider, type):
            provider = provider()
        if not hasattr(provider, "retrieve"):
            raise self._fault(
                f"gives a {type(provider).__name__}, not a minio.credentials.Provider"
            )
        return provider

    def _fault(self, fault: str) -> ConfigurationError:
        return ConfigurationError(f"Storage '{self._alias}': MINIO_CREDENTIALS {fault}.")


def _make_aware(expiration: Any) -> datetime.datetime | None:
    """Return the time at which credentials expire. The SDK gives UTC without a time zone."""
    if not isinstance(expiration, datetime.datetime):
        return None
    return expiration if expiration.tzinfo else expiration.replace(tzinfo=datetime.UTC)


CredentialsSource = FixedCredentials | ProvidedCredentials
