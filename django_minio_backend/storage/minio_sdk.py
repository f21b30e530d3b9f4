"""The door to the minio SDK: no other module imports it.

Our requests do not use it. It is imported if a project asks for a `minio.Minio`.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from django_minio_backend.config.credentials import CredentialsSource
from django_minio_backend.config.options import Options
from django_minio_backend.s3.server import Endpoint

if TYPE_CHECKING:
    import urllib3
    from minio import Minio as Minio
else:
    Minio = Any


def make_minio_client(
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
    # Not the signature of the class: django-minio-storage gives that a `__new__`.
    known = inspect.signature(Minio.__init__).parameters
    return Minio(**{name: value for name, value in arguments.items() if name in known})
