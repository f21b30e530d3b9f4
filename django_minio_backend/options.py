"""The options of a storage: checked, frozen."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import urllib3

from django_minio_backend import bucket_settings, headers, parsing
from django_minio_backend.errors import ConfigurationError, PrivatePublicMixedError
from django_minio_backend.headers import ObjectHeaders
from django_minio_backend.parsing import Endpoint

DEFAULT_MEDIA_FILES_BUCKET = "auto-generated-bucket-media-files"
DEFAULT_STATIC_FILES_BUCKET = "auto-generated-bucket-static-files"
#: Keywords and options that a pickle, a migration, a repr or a message must never hold.
SECRET = frozenset(
    {
        "MINIO_ACCESS_KEY",
        "MINIO_SECRET_KEY",
        "MINIO_SESSION_TOKEN",
        "MINIO_CREDENTIALS",
        "sse",
    }
)
_ENDPOINT_OPTIONS = {
    "MINIO_ENDPOINT",
    "MINIO_USE_HTTPS",
    "MINIO_EXTERNAL_ENDPOINT",
    "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS",
}
#: What options were called, or are taken for, by what they are.
RENAMED = {
    "MINIO_MEDIA_FILES_BUCKET": "MINIO_DEFAULT_BUCKET",
    "bucket": "bucket_name",
    "storage": "storage_name",
    "alias": "storage_name",
}


def _option(name: str, parse: Callable[[object], Any], default: Any = None) -> Any:
    return dataclasses.field(
        default=default, repr=name not in SECRET, metadata={"option": name, "parse": parse}
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """Everything a storage is told. Sizes are bytes, times seconds or `timedelta`."""

    alias: str
    bucket: str
    is_public: bool
    is_static: bool
    endpoint: Endpoint
    external_endpoint: Endpoint
    access_key: str = _option("MINIO_ACCESS_KEY", parsing.header_text, "")
    secret_key: str = _option("MINIO_SECRET_KEY", parsing.text, "")
    session_token: str | None = _option("MINIO_SESSION_TOKEN", parsing.optional_header_text)
    credentials: Any = _option("MINIO_CREDENTIALS", parsing.credentials)
    region: str = _option("MINIO_REGION", parsing.region, "us-east-1")
    private_buckets: tuple[str, ...] = _option("MINIO_PRIVATE_BUCKETS", parsing.buckets, ())
    public_buckets: tuple[str, ...] = _option("MINIO_PUBLIC_BUCKETS", parsing.buckets, ())
    default_bucket: str = _option(
        "MINIO_DEFAULT_BUCKET", parsing.bucket, DEFAULT_MEDIA_FILES_BUCKET
    )
    static_bucket: str = _option(
        "MINIO_STATIC_FILES_BUCKET", parsing.bucket, DEFAULT_STATIC_FILES_BUCKET
    )
    location: str = _option("MINIO_LOCATION", parsing.location, "")
    bucket_check_on_save: bool = _option("MINIO_BUCKET_CHECK_ON_SAVE", parsing.flag, False)
    consistency_check_on_start: bool = _option(
        "MINIO_CONSISTENCY_CHECK_ON_START", parsing.flag, False
    )
    consistency_check_strict: bool = _option("MINIO_CONSISTENCY_CHECK_STRICT", parsing.flag, False)
    buckets: Mapping[str, Mapping[str, Any]] = _option("MINIO_BUCKETS", bucket_settings.parse_all)
    references: Any = _option("MINIO_REFERENCES", parsing.references)
    policy_hooks: tuple[tuple[str, str], ...] | str = _option(
        "MINIO_POLICY_HOOKS", parsing.policy_hooks, ()
    )
    url_expiry: datetime.timedelta = _option(
        "MINIO_URL_EXPIRY_HOURS", parsing.expiry, parsing.MAX_EXPIRY
    )
    url_stable_window: int | None = _option("MINIO_URL_STABLE_WINDOW", parsing.window)
    public_base_url: str = _option("MINIO_PUBLIC_BASE_URL", parsing.base_url, "")
    url_caching_enabled: bool = _option("MINIO_URL_CACHING_ENABLED", parsing.flag, False)
    url_cache_timeout: float | None = _option("MINIO_URL_CACHE_TIMEOUT", parsing.optional_seconds)
    url_cache_prefix: str = _option("MINIO_URL_CACHE_PREFIX", parsing.text, "minio_url_")
    multipart_upload: bool = _option("MINIO_MULTIPART_UPLOAD", parsing.flag, False)
    multipart_threshold: int = _option("MINIO_MULTIPART_THRESHOLD", parsing.count, 10 * 2**20)
    multipart_part_size: int = _option("MINIO_MULTIPART_PART_SIZE", parsing.part_size, 10 * 2**20)
    multipart_parallel: int = _option("MINIO_MULTIPART_PARALLEL", parsing.threads, 3)
    object_headers: ObjectHeaders = _option("MINIO_OBJECT_HEADERS", headers.object_headers)
    gzip: tuple[str, ...] = _option("MINIO_GZIP", parsing.gzip, ())
    static_compress: str = _option("MINIO_STATIC_COMPRESS", parsing.static_compress, "")
    settings_http_client: urllib3.PoolManager | None = _option(
        "MINIO_HTTP_CLIENT", parsing.http_client
    )
    ca_certs: str | None = _option("MINIO_CA_CERTS", parsing.file_path)
    connect_timeout: float = _option("MINIO_CONNECT_TIMEOUT", parsing.seconds, 5.0)
    read_timeout: float = _option("MINIO_READ_TIMEOUT", parsing.seconds, 60.0)
    retries: int = _option("MINIO_RETRIES", parsing.count, 3)
    keyword_http_client: urllib3.PoolManager | None = _option("http_client", parsing.http_client)
    replace_existing: bool = _option("replace_existing", parsing.flag, False)
    metadata: Mapping[str, str] = _option("metadata", headers.metadata)
    sse: Mapping[str, str] = _option("sse", headers.sse)
    progress: Any = _option("progress", parsing.progress)
    tags: str = _option("tags", headers.tags, "")
    retention: Mapping[str, str] = _option("retention", headers.retention)
    legal_hold: bool = _option("legal_hold", parsing.flag, False)

    @property
    def http_client(self) -> urllib3.PoolManager | None:
        return self.keyword_http_client or self.settings_http_client

    def headers_for(self, name: str) -> Mapping[str, str]:
        """Return what MINIO_OBJECT_HEADERS says for the object `name`."""
        if not callable(self.object_headers):
            return self.object_headers
        found = self.object_headers(name)
        parsed: Mapping[str, str] = _parsed(
            self.alias, "MINIO_OBJECT_HEADERS", headers.headers, found
        )
        return parsed

    @classmethod
    def parse(
        cls, alias: str, given: Mapping[str, Any], *, bucket_name: str = "", static: bool = False
    ) -> Self:
        """Return the checked options of the storage `alias`.

        `given` maps option and keyword names to values. Raises ConfigurationError, naming the
        alias, the option and the fix.
        """
        _refuse_unknown(alias, given)
        values: dict[str, Any] = {
            field.name: _parsed(alias, option, field.metadata["parse"], given.get(option))
            for option, field in FIELDS.items()
            # What is None is as good as not given, as in version 4.
            if given.get(option) is not None or field.default is None
        }
        buckets = _buckets(alias, values, bucket_name, static)
        _check_window(alias, values)
        endpoints = _endpoints(alias, given)
        return cls(alias=alias, is_static=static, **endpoints, **{**values, **buckets})


FIELDS: dict[str, dataclasses.Field[Any]] = {
    field.metadata["option"]: field
    for field in dataclasses.fields(Options)
    if "option" in field.metadata
}
NAMES = frozenset(FIELDS) | _ENDPOINT_OPTIONS


def unknown(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the options that there are not, each with a hint at what may be meant."""
    return {name: _hint(name) for name in given if name not in NAMES}


def _hint(name: str) -> str:
    close = difflib.get_close_matches(name.upper(), [n for n in NAMES if n.isupper()], 1)
    close = close or difflib.get_close_matches(name, NAMES, 1)
    meant = [RENAMED[name]] if name in RENAMED else close
    return f"did you mean {meant[0]}?" if meant else "see the README's table of options."


def missing(given: Mapping[str, Any]) -> list[str]:
    """Return the options that there must be and that are not given."""
    keys = ["MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"]
    mandatory = ["MINIO_ENDPOINT", *(keys if given.get("MINIO_CREDENTIALS") is None else [])]
    return [name for name in mandatory if not given.get(name)]


def invalid(alias: str, given: Mapping[str, Any]) -> Iterator[ConfigurationError]:
    """Yield what is wrong with the value of each option by itself."""
    for option, field in FIELDS.items():
        try:
            if given.get(option) is not None:
                _parsed(alias, option, field.metadata["parse"], given[option])
        except ConfigurationError as error:
            yield error


def _refuse_unknown(alias: str, given: Mapping[str, Any]) -> None:
    for name, hint in unknown(given).items():
        raise ConfigurationError(f"Storage '{alias}': unknown option {name}: {hint}")


def _parsed(alias: str, option: str, parse: Callable[[object], Any], value: object) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigurationError(f"Storage '{alias}': {option} {error}.") from None


def _endpoints(alias: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if absent := missing(given):
        raise ConfigurationError(
            f"Storage '{alias}': {' and '.join(absent)} must be set: "
            f"add to STORAGES['{alias}']['OPTIONS'], or pass as keywords."
        )

    def parse(name: str, secure: bool | None, *, external: bool) -> Endpoint:
        def parser(value: object) -> Endpoint:
            return parsing.endpoint(value, secure, allow_path=external)

        endpoint: Endpoint = _parsed(alias, name, parser, given[name])
        return endpoint

    def secure(name: str) -> bool | None:
        value = given.get(name)
        return None if value is None else _parsed(alias, name, parsing.flag, value)

    internal = parse("MINIO_ENDPOINT", secure("MINIO_USE_HTTPS"), external=False)
    external_secure = secure("MINIO_EXTERNAL_ENDPOINT_USE_HTTPS")
    if not given.get("MINIO_EXTERNAL_ENDPOINT"):
        return {"endpoint": internal, "external_endpoint": internal}
    if external_secure is None and "://" not in str(given["MINIO_EXTERNAL_ENDPOINT"]):
        external_secure = internal.secure
    external = parse("MINIO_EXTERNAL_ENDPOINT", external_secure, external=True)
    return {"endpoint": internal, "external_endpoint": external}


def _check_window(alias: str, values: Mapping[str, Any]) -> None:
    expiry = values.get("url_expiry", FIELDS["MINIO_URL_EXPIRY_HOURS"].default)
    if (values.get("url_stable_window") or 0) * 10 > expiry.total_seconds():
        raise ConfigurationError(
            f"Storage '{alias}': MINIO_URL_STABLE_WINDOW must be at most a tenth of "
            f"MINIO_URL_EXPIRY_HOURS ({expiry}), so that a link has nine tenths of its life left."
        )


def _buckets(alias: str, values: dict[str, Any], bucket_name: str, static: bool) -> dict[str, Any]:
    """Return the bucket that the storage uses, whether it is public, and all that are declared."""
    own = "MINIO_STATIC_FILES_BUCKET" if static else "MINIO_DEFAULT_BUCKET"
    default = values.get(FIELDS[own].name, FIELDS[own].default)
    bucket = _parsed(alias, "bucket_name", parsing.bucket, bucket_name or default)
    private = values.get("private_buckets", ())
    public = values.get("public_buckets", ())
    if static:
        # The admin's pages need its files without a signature.
        public = (bucket,)
    if mixed := sorted(set(public) & set(private)):
        raise PrivatePublicMixedError(
            f"Storage '{alias}': declared both private and public: {', '.join(mixed)}. "
            "Leave each in one of MINIO_PRIVATE_BUCKETS and MINIO_PUBLIC_BUCKETS."
        )
    if not static and default not in (*public, *private):
        private = (*private, default)
    for name in values.get("buckets") or {}:
        if name not in (*public, *private):
            raise ConfigurationError(
                f"Storage '{alias}': MINIO_BUCKETS names '{name}', which is in neither "
                "MINIO_PRIVATE_BUCKETS nor MINIO_PUBLIC_BUCKETS: add it to one."
            )
    return {
        "bucket": bucket,
        "is_public": bucket in public,
        "public_buckets": public,
        "private_buckets": private,
    }
