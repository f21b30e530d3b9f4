"""The settings of django-storages' S3 storages, translated into this package's: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

#: The settings outside STORAGES for each key of OPTIONS. The first one that is set counts.
SETTINGS = {
    "access_key": ("AWS_S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    "secret_key": ("AWS_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    "security_token": ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    "session_profile": ("AWS_S3_SESSION_PROFILE",),
    "file_overwrite": ("AWS_S3_FILE_OVERWRITE",),
    "object_parameters": ("AWS_S3_OBJECT_PARAMETERS",),
    "bucket_name": ("AWS_STORAGE_BUCKET_NAME",),
    "querystring_auth": ("AWS_QUERYSTRING_AUTH",),
    "querystring_expire": ("AWS_QUERYSTRING_EXPIRE",),
    "signature_version": ("AWS_S3_SIGNATURE_VERSION",),
    "location": ("AWS_LOCATION",),
    "custom_domain": ("AWS_S3_CUSTOM_DOMAIN",),
    "cloudfront_key_id": ("AWS_CLOUDFRONT_KEY_ID",),
    "cloudfront_key": ("AWS_CLOUDFRONT_KEY",),
    "cloudfront_signer": ("AWS_CLOUDFRONT_SIGNER",),
    "addressing_style": ("AWS_S3_ADDRESSING_STYLE",),
    "file_name_charset": ("AWS_S3_FILE_NAME_CHARSET",),
    "gzip": ("AWS_IS_GZIPPED",),
    "gzip_content_types": ("GZIP_CONTENT_TYPES",),
    "url_protocol": ("AWS_S3_URL_PROTOCOL",),
    "endpoint_url": ("AWS_S3_ENDPOINT_URL",),
    "proxies": ("AWS_S3_PROXIES",),
    "region_name": ("AWS_S3_REGION_NAME",),
    "use_ssl": ("AWS_S3_USE_SSL",),
    "verify": ("AWS_S3_VERIFY",),
    "max_memory_size": ("AWS_S3_MAX_MEMORY_SIZE",),
    "default_acl": ("AWS_DEFAULT_ACL",),
    "use_threads": ("AWS_S3_USE_THREADS",),
    "transfer_config": ("AWS_S3_TRANSFER_CONFIG",),
    "client_config": ("AWS_S3_CLIENT_CONFIG",),
}
_MODULES = ("storages.backends.s3.", "storages.backends.s3boto3.")
_BACKENDS = {
    "Storage": "MinioBackend",
    "StaticStorage": "MinioBackendStatic",
    "ManifestStaticStorage": "MinioBackendStaticManifest",
}
_GZIP_TYPES = (
    "text/css",
    "text/javascript",
    "application/javascript",
    "application/x-javascript",
    "image/svg+xml",
)
_TAKEN = {
    "access_key": "MINIO_ACCESS_KEY, from the environment",
    "secret_key": "MINIO_SECRET_KEY, from the environment",
    "security_token": "MINIO_SESSION_TOKEN, from the environment",
    "bucket_name": "the bucket",
    "custom_domain": "MINIO_PUBLIC_BASE_URL",
    "default_acl": "a public or private bucket",
    "endpoint_url": "MINIO_ENDPOINT",
    "file_overwrite": "replace_existing",
    "gzip": "MINIO_GZIP",
    "gzip_content_types": "MINIO_GZIP",
    "location": "MINIO_LOCATION",
    "object_parameters": "MINIO_OBJECT_HEADERS",
    "querystring_auth": "a public or private bucket",
    "querystring_expire": "MINIO_URL_EXPIRY_HOURS",
    "region_name": "MINIO_REGION",
    "url_protocol": "MINIO_PUBLIC_BASE_URL",
    "use_ssl": "MINIO_ENDPOINT",
    "verify": "MINIO_CA_CERTS",
}
_NEEDLESS = {
    "addressing_style": "links have the bucket in their path",
    "file_name_charset": "names are UTF-8",
    "max_memory_size": "memory is bounded by the part size",
    "signature_version": "requests are signed with version 4",
    "use_threads": "large files are sent in parts, several at once",
}
_WITHOUT_EQUAL = {
    "client_config": "see MINIO_CONNECT_TIMEOUT, MINIO_READ_TIMEOUT and MINIO_RETRIES",
    "cloudfront_key": "keep django-storages for CloudFront's signed links",
    "cloudfront_key_id": "keep django-storages for CloudFront's signed links",
    "cloudfront_signer": "keep django-storages for CloudFront's signed links",
    "proxies": "give MINIO_HTTP_CLIENT a urllib3.ProxyManager",
    "session_profile": "give MINIO_CREDENTIALS a provider, such as minio.credentials.AWSConfig",
    "transfer_config": "see MINIO_MULTIPART_PART_SIZE and MINIO_MULTIPART_PARALLEL",
}


class Code(str):
    """Python that is printed as it is."""

    def __repr__(self) -> str:
        return str(self)


@dataclass
class Translation:
    """A storage in this package's form, and a sentence for each of its settings."""

    alias: str
    backend: str
    options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def find_backend(path: str) -> str:
    """Return our class for one of django-storages' S3 storages, "" for another one."""
    for module in _MODULES:
        name = path.removeprefix(module).replace("S3Boto3", "S3")
        if path.startswith(module) and name.removeprefix("S3") in _BACKENDS:
            return f"django_minio_backend.models.{_BACKENDS[name.removeprefix('S3')]}"
    return ""


def translate(
    alias: str, path: str, options: Mapping[str, Any], read: Callable[[str], Any]
) -> Translation | None:
    """Return the translation of an entry of STORAGES, None for another package's storage.

    `read` returns a setting, None if it is not set. Secrets are not among the results.
    """
    if not (backend := find_backend(path)):
        return None
    given = dict(_list_given(options, read))
    values = {key: value for key, (_, value) in given.items()}
    result = Translation(alias, backend)
    result.options = _make_options(values, is_static="Static" in backend)
    result.notes = [_describe(key, label) for key, (label, _) in given.items()]
    if "file_overwrite" not in given and "Static" not in backend:
        result.notes.append("file_overwrite is True by default: replace_existing")
    if values.get("verify") is False:
        result.notes.append("verify=False has no equal: set MINIO_CA_CERTS, or use HTTP")
    return result


def _list_given(
    options: Mapping[str, Any], read: Callable[[str], Any]
) -> Iterator[tuple[str, tuple[str, Any]]]:
    """Yield the keys that are set, with the name that sets each one."""
    for key in options:
        if key not in SETTINGS:
            yield key, (f"OPTIONS[{key!r}]", options[key])
    for key, names in SETTINGS.items():
        if key in options:
            yield key, (f"OPTIONS[{key!r}]", options[key])
            continue
        for name in names:
            if (value := read(name)) is not None:
                yield key, (name, value)
                break


def _describe(key: str, label: str) -> str:
    if key in _TAKEN:
        return f"{label}: {_TAKEN[key]}"
    if key in _NEEDLESS:
        return f"{label} is not needed: {_NEEDLESS[key]}"
    return f"{label} has no equal: {_WITHOUT_EQUAL.get(key, 'no such setting is known')}"


def _make_options(values: Mapping[str, Any], *, is_static: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        "MINIO_ENDPOINT": _make_endpoint(values),
        "MINIO_ACCESS_KEY": Code('os.environ["MINIO_ACCESS_KEY"]'),
        "MINIO_SECRET_KEY": Code('os.environ["MINIO_SECRET_KEY"]'),
    }
    if "security_token" in values:
        options["MINIO_SESSION_TOKEN"] = Code('os.environ["MINIO_SESSION_TOKEN"]')
    taken = {"region_name": "MINIO_REGION", "location": "MINIO_LOCATION"}
    taken["object_parameters"] = "MINIO_OBJECT_HEADERS"
    options |= {option: values[key] for key, option in taken.items() if values.get(key)}
    if isinstance(values.get("verify"), str):
        options["MINIO_CA_CERTS"] = values["verify"]
    if values.get("gzip"):
        options["MINIO_GZIP"] = list(values.get("gzip_content_types", _GZIP_TYPES))
    bucket = values.get("bucket_name") or Code('"the bucket: AWS_STORAGE_BUCKET_NAME is not set"')
    if values.get("custom_domain"):
        protocol = values.get("url_protocol") or "https:"
        options["MINIO_PUBLIC_BASE_URL"] = f"{protocol}//{values['custom_domain']}"
    if is_static:
        return {**options, "MINIO_STATIC_FILES_BUCKET": bucket}
    options["MINIO_DEFAULT_BUCKET"] = bucket
    # A custom domain gives links without a signature.
    is_open = values.get("querystring_auth") is False or bool(values.get("custom_domain"))
    is_public = is_open or str(values.get("default_acl") or "").startswith("public")
    options["MINIO_PUBLIC_BUCKETS" if is_public else "MINIO_PRIVATE_BUCKETS"] = [bucket]
    if not is_public:
        seconds = int(values.get("querystring_expire", 3600))
        options["MINIO_URL_EXPIRY_HOURS"] = timedelta(seconds=seconds)
    options["replace_existing"] = bool(values.get("file_overwrite", True))
    return options


def _make_endpoint(values: Mapping[str, Any]) -> str:
    scheme = "https" if values.get("use_ssl", True) else "http"
    return str(values.get("endpoint_url") or f"{scheme}://s3.amazonaws.com").rstrip("/")


def show(translations: list[Translation]) -> str:
    """Return the STORAGES of translations as Python, with a comment for each setting."""
    lines = ["import os", "from datetime import timedelta", "", "STORAGES = {"]
    for item in translations:
        lines += [f"    # {note}" for note in item.notes]
        lines += [f"    {item.alias!r}: {{", f'        "BACKEND": "{item.backend}",']
        lines.append('        "OPTIONS": {')
        lines += [
            f"            {name!r}: {_show_value(value)}," for name, value in item.options.items()
        ]
        lines += ["        },", "    },"]
    return "\n".join([*lines, "}"])


def _show_value(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"timedelta(seconds={int(value.total_seconds())})"
    return repr(value)
