"""The options of a storage: checked and frozen."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from django_minio_backend.config import headers, parsers
from django_minio_backend.config.fields import (
    DEFAULT_MEDIA_FILES_BUCKET as DEFAULT_MEDIA_FILES_BUCKET,
)
from django_minio_backend.config.fields import (
    DEFAULT_STATIC_FILES_BUCKET as DEFAULT_STATIC_FILES_BUCKET,
)
from django_minio_backend.config.fields import (
    ENDPOINT_OPTIONS,
    OptionFields,
)
from django_minio_backend.config.fields import (
    SECRET as SECRET,
)
from django_minio_backend.errors import ConfigurationError, PrivatePublicMixedError
from django_minio_backend.s3.server import Endpoint, Server

if TYPE_CHECKING:
    import urllib3

#: Former and mistaken names of options, and the right ones.
RENAMED = {
    "MINIO_MEDIA_FILES_BUCKET": "MINIO_DEFAULT_BUCKET",
    "bucket": "bucket_name",
    "storage": "storage_name",
    "alias": "storage_name",
}
#: Options of other storages, and our equivalents.
_OF_OTHERS = {
    "auto_create_bucket": "MINIO_BUCKET_CHECK_ON_SAVE",
    "default_acl": "MINIO_PUBLIC_BUCKETS and MINIO_PRIVATE_BUCKETS",
    "file_overwrite": "replace_existing",
    "querystring_auth": "MINIO_PUBLIC_BUCKETS and MINIO_PRIVATE_BUCKETS",
    "querystring_expire": "MINIO_URL_EXPIRY_HOURS",
}
# The similarity from which a name counts as a misspelt option: one or two letters differ.
_SIMILARITY = 0.85


class Options(OptionFields):
    """All options of a storage, checked. Sizes are bytes, times seconds or `timedelta`."""

    @property
    def http_client(self) -> urllib3.PoolManager | None:
        return self.keyword_http_client or self.settings_http_client

    @property
    def server(self) -> Server:
        """How the server is reached."""
        return Server(
            endpoint=self.endpoint,
            region=self.region,
            ca_certs=self.ca_certs,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retries=self.retries,
            http_client=self.http_client,
        )

    @property
    def unpacked_limit(self) -> int:
        """The most bytes of compressed content that are unpacked in memory."""
        return max(self.multipart_part_size, type(self).multipart_part_size)

    @property
    def prefix(self) -> str:
        """The start of all keys of the storage: "", or its location and a slash."""
        return f"{self.location}/" if self.location else ""

    @property
    def url_cache_seconds(self) -> float:
        """The seconds that Django's cache keeps a link."""
        return self.url_cache_timeout or 0.8 * int(self.url_expiry.total_seconds())

    def headers_for(self, name: str) -> Mapping[str, str]:
        """Return the headers that MINIO_OBJECT_HEADERS gives for the object `name`."""
        if not callable(self.object_headers):
            return self.object_headers
        if (given_headers := self.object_headers(name)) is None:
            return {}
        object_headers: Mapping[str, str] = _parse(
            self.alias, "MINIO_OBJECT_HEADERS", headers.parse_headers, given_headers
        )
        return object_headers

    @classmethod
    def parse(
        cls, alias: str, given: Mapping[str, Any], *, bucket_name: str = "", static: bool = False
    ) -> Self:
        """Return the checked options of the storage `alias`.

        `given` maps names of options and keywords to values. None and "" count as not given. Raises
        ConfigurationError with the alias, the option and the remedy.
        """
        _refuse_unknown(alias, given)
        notes = tuple(_list_notes(given, bucket_name, static=static))
        given = {n: value for n, value in given.items() if n in NAMES and _counts(n, value)}
        values: dict[str, Any] = {
            field.name: _parse(alias, option, field.metadata["parse"], given.get(option))
            for option, field in FIELDS.items()
            if option in given or field.default is None
        }
        buckets = _choose_buckets(alias, values, bucket_name, static)
        _check_window(alias, values)
        endpoints = _parse_endpoints(alias, given)
        return cls(alias=alias, is_static=static, notes=notes, **endpoints, **{**values, **buckets})


FIELDS: dict[str, dataclasses.Field[Any]] = {
    field.metadata["option"]: field
    for field in dataclasses.fields(Options)
    if "option" in field.metadata
}
NAMES = frozenset(FIELDS) | set(ENDPOINT_OPTIONS)


def is_given(value: object) -> bool:
    """Return False for None, and for "", which an environment variable without a value has."""
    return value is not None and not (isinstance(value, str) and value == "")


def _counts(name: str, value: object) -> bool:
    """Return True if an option is given. For a boolean, "" means no."""
    is_flag = name in FIELDS and FIELDS[name].metadata["parse"] is parsers.parse_flag
    return is_given(value) or (is_flag and value == "")


def find_unknown(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the unknown options that are errors, each with a hint: misspelt ones, and MINIO_….

    Other unknown options are ignored with a note, as in version 4.
    """
    hints = {name: _find_similar(name) for name in given if name not in NAMES}
    return {
        name: f"did you mean {near}?" if near else "see the options in the documentation."
        for name, near in hints.items()
        if near or name.upper().startswith(_PREFIX)
    }


_PREFIX = "MINIO_"


def _find_similar(name: str) -> str:
    """Return the option that a misspelt name stands for, "" if none is similar."""
    if name in RENAMED:
        return RENAMED[name]
    spelt = {option.lower().removeprefix(_PREFIX.lower()): option for option in sorted(NAMES)}
    bare_name = name.lower().removeprefix(_PREFIX.lower())
    return next((spelt[n] for n in difflib.get_close_matches(bare_name, spelt, 1, _SIMILARITY)), "")


def _list_notes(given: Mapping[str, Any], bucket_name: str, *, static: bool) -> Iterator[str]:
    errors = find_unknown(given)
    for name in given:
        if name not in NAMES and name not in errors:
            instead = f": here {_OF_OTHERS[name]} does that" if name in _OF_OTHERS else ""
            yield f"{name} is no option of this storage and is ignored{instead}. Remove it."
    if not static and parsers.is_too_long(given.get("MINIO_URL_EXPIRY_HOURS")):
        yield (
            "MINIO_URL_EXPIRY_HOURS is more than 7 days, the longest that S3 signs a link: links "
            "work for 7 days. Set timedelta(days=7) or less."
        )
    bucket = bucket_name or given.get("MINIO_STATIC_FILES_BUCKET") or DEFAULT_STATIC_FILES_BUCKET
    if static and bucket in (parsers.split_list(given.get("MINIO_PRIVATE_BUCKETS")) or ()):
        yield (
            f"MINIO_PRIVATE_BUCKETS names '{bucket}', the bucket of static files, which is public "
            "all the same. Remove it from that list."
        )


def find_missing(given: Mapping[str, Any]) -> list[str]:
    """Return the required options that are not given."""
    keys = ["MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"]
    mandatory = ["MINIO_ENDPOINT", *(keys if given.get("MINIO_CREDENTIALS") is None else [])]
    return [name for name in mandatory if not given.get(name)]


def find_invalid(alias: str, given: Mapping[str, Any]) -> Iterator[ConfigurationError]:
    """Yield the fault of each option's value."""
    for option, field in FIELDS.items():
        try:
            if is_given(given.get(option)):
                _parse(alias, option, field.metadata["parse"], given[option])
        except ConfigurationError as error:
            yield error


def _refuse_unknown(alias: str, given: Mapping[str, Any]) -> None:
    for name, hint in find_unknown(given).items():
        raise ConfigurationError(f"Storage '{alias}': unknown option {name}: {hint}")


def _parse(alias: str, option: str, parse: Callable[[object], Any], value: object) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise ConfigurationError(f"Storage '{alias}': {option} {error}.") from None


def _parse_endpoints(alias: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if absent := find_missing(given):
        raise ConfigurationError(
            f"Storage '{alias}': {' and '.join(absent)} must be set: "
            f"add to STORAGES['{alias}']['OPTIONS'], or pass as keywords. (An environment variable "
            "that is not set counts as empty.)"
        )

    def parse(name: str, secure: bool | None, *, external: bool) -> Endpoint:
        def parser(value: object) -> Endpoint:
            return parsers.parse_endpoint(value, secure, allow_path=external)

        endpoint: Endpoint = _parse(alias, name, parser, given[name])
        return endpoint

    def secure(name: str) -> bool | None:
        value = given.get(name)
        return None if value is None else _parse(alias, name, parsers.parse_flag, value)

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


def _choose_buckets(
    alias: str, values: dict[str, Any], bucket_name: str, static: bool
) -> dict[str, Any]:
    """Return the storage's bucket, whether it is public, and all declared buckets."""
    option = "MINIO_STATIC_FILES_BUCKET" if static else "MINIO_DEFAULT_BUCKET"
    default = values.get(FIELDS[option].name, FIELDS[option].default)
    bucket = _parse(alias, "bucket_name", parsers.parse_bucket, bucket_name or default)
    private = values.get("private_buckets", ())
    public = values.get("public_buckets", ())
    if static:
        # The admin's pages need the static files without a signature.
        public = (bucket,)
        private = tuple(name for name in private if name != bucket)
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
