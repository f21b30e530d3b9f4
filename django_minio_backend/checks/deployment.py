"""Checks of settings that suit a developer's machine only; `check --deploy`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage
from django.http.request import validate_host

from django_minio_backend.checks.messages import (
    default_credentials,
    long_expiry,
    plain_http,
    same_origin,
)
from django_minio_backend.checks.valid import list_valid_options
from django_minio_backend.config.options import Options
from django_minio_backend.s3.server import Endpoint

#: A link with a longer life is a leaked file if it leaks.
_LONG_EXPIRY = timedelta(days=1)

# The keys of every tutorial: MinIO's own, and those of its public playground.
_WELL_KNOWN = {"minioadmin", "minio123", "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG"}


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """Check for settings that suit a developer's machine only; `check --deploy`."""
    return [message for options in list_valid_options() for message in _check_options(options)]


def _check_options(options: Options) -> Iterator[CheckMessage]:
    at = f"Storage '{options.alias}'"
    for endpoint in dict.fromkeys([options.endpoint, options.external_endpoint]):
        if not endpoint.secure and not _is_local(endpoint):
            yield plain_http(
                f"{at} talks plain HTTP to {endpoint.netloc}: whoever listens reads the files.",
                "Use HTTPS: MINIO_USE_HTTPS, MINIO_EXTERNAL_ENDPOINT_USE_HTTPS.",
            )
    if options.public_buckets and not options.is_static and _is_of_the_site(options):
        yield same_origin(
            f"{at} serves public uploads ({', '.join(options.public_buckets)}) from the site's own "
            "host: a file that a browser runs has the rights of the site's pages.",
            "Give public buckets a host of their own: MINIO_EXTERNAL_ENDPOINT or "
            "MINIO_PUBLIC_BASE_URL.",
        )
    if options.secret_key in _WELL_KNOWN:
        yield default_credentials(
            f"{at} uses credentials that everybody knows.", "Create an access key for it."
        )
    if options.url_expiry > _LONG_EXPIRY and not options.is_static:
        yield long_expiry(
            f"{at} signs links that work for {options.url_expiry}.",
            "Set MINIO_URL_EXPIRY_HOURS to timedelta(days=1) or less: a link cannot be taken back.",
        )


def _is_of_the_site(options: Options) -> bool:
    """Return True if public links lead to a host of the site itself."""
    host = urlsplit(options.public_base_url).hostname if options.public_base_url else None
    if options.public_base_url and host is None:
        return True  # a path on the host of the page
    return validate_host(host or options.external_endpoint.host, settings.ALLOWED_HOSTS)


def _is_local(endpoint: Endpoint) -> bool:
    """Return True if an endpoint is on this machine or in its private network."""
    try:
        return ipaddress.ip_address(endpoint.host).is_private
    except ValueError:
        suffixes = (".localhost", ".local", ".internal")
        return "." not in endpoint.host or endpoint.host.endswith(suffixes)
