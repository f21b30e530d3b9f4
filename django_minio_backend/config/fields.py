"""The options of a storage as a table: name, parser, default and help text.

The reference of options in the documentation is made of it.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django_minio_backend.config import bucket_settings, headers, parsers
from django_minio_backend.config.headers import ObjectHeaders
from django_minio_backend.s3.server import Endpoint

if TYPE_CHECKING:
    import urllib3

DEFAULT_MEDIA_FILES_BUCKET = "auto-generated-bucket-media-files"
DEFAULT_STATIC_FILES_BUCKET = "auto-generated-bucket-static-files"
#: Keywords and options that no pickle, migration, repr or message may hold.
SECRET = frozenset(
    {
        "MINIO_ACCESS_KEY",
        "MINIO_SECRET_KEY",
        "MINIO_SESSION_TOKEN",
        "MINIO_CREDENTIALS",
        "sse",
    }
)
#: The options of the two endpoints: their default for people, and their help text.
ENDPOINT_OPTIONS = {
    "MINIO_ENDPOINT": ("required", "`host[:port]` that Django talks to. It may carry a scheme."),
    "MINIO_USE_HTTPS": (
        "the endpoint's scheme, else `False`",
        "True: Django talks HTTPS to the server.",
    ),
    "MINIO_EXTERNAL_ENDPOINT": (
        "`MINIO_ENDPOINT`",
        "The address in links. It may carry a scheme, and the path of a proxy.",
    ),
    "MINIO_EXTERNAL_ENDPOINT_USE_HTTPS": (
        "its scheme, else `MINIO_USE_HTTPS`",
        "True: links use HTTPS.",
    ),
}


def _declare(
    name: str,
    parse: Callable[[object], Any],
    default: Any = None,
    *,
    help: str,
    shown: str = "",
) -> Any:
    """Return a field. `shown` is the default for people, if the value itself is not."""
    metadata = {"option": name, "parse": parse, "help": help, "shown": shown}
    return dataclasses.field(default=default, repr=name not in SECRET, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class OptionFields:
    """The fields of `Options`. Sizes are bytes, times seconds or `timedelta`."""

    alias: str
    bucket: str
    is_public: bool
    is_static: bool
    endpoint: Endpoint
    external_endpoint: Endpoint
    #: Options that work and should be changed: a sentence each.
    notes: tuple[str, ...] = ()
    access_key: str = _declare(
        "MINIO_ACCESS_KEY",
        parsers.parse_header_text,
        "",
        help="The access key, unless `MINIO_CREDENTIALS` is given.",
        shown="required",
    )
    secret_key: str = _declare(
        "MINIO_SECRET_KEY",
        parsers.parse_secret_text,
        "",
        help="The secret key, unless `MINIO_CREDENTIALS` is given.",
        shown="required",
    )
    session_token: str | None = _declare(
        "MINIO_SESSION_TOKEN",
        parsers.parse_optional_header_text,
        help="The session token of temporary credentials.",
        shown="none",
    )
    credentials: Any = _declare(
        "MINIO_CREDENTIALS",
        parsers.parse_credentials,
        help=(
            "A `minio.credentials.Provider`, or a callable or dotted path that returns one. It "
            "goes before the keys."
        ),
        shown="none",
    )
    region: str = _declare(
        "MINIO_REGION",
        parsers.parse_region,
        "us-east-1",
        help="The region that requests are signed for.",
    )
    private_buckets: tuple[str, ...] = _declare(
        "MINIO_PRIVATE_BUCKETS", parsers.parse_buckets, (), help="Buckets with signed links."
    )
    public_buckets: tuple[str, ...] = _declare(
        "MINIO_PUBLIC_BUCKETS",
        parsers.parse_buckets,
        (),
        help="Buckets whose objects everybody may read by name.",
    )
    default_bucket: str = _declare(
        "MINIO_DEFAULT_BUCKET",
        parsers.parse_bucket,
        DEFAULT_MEDIA_FILES_BUCKET,
        help=(
            "The bucket of a storage that names none. It is private unless it is listed as public."
        ),
    )
    static_bucket: str = _declare(
        "MINIO_STATIC_FILES_BUCKET",
        parsers.parse_bucket,
        DEFAULT_STATIC_FILES_BUCKET,
        help=(
            "The bucket of `MinioBackendStatic` and `MinioBackendStaticManifest`. It is always "
            "public."
        ),
    )
    location: str = _declare(
        "MINIO_LOCATION",
        parsers.parse_location,
        "",
        help="A key prefix. All names of the storage live below it.",
    )
    bucket_check_on_save: bool = _declare(
        "MINIO_BUCKET_CHECK_ON_SAVE",
        parsers.parse_flag,
        False,
        help="Create a missing bucket when a file is saved to it.",
    )
    consistency_check_on_start: bool = _declare(
        "MINIO_CONSISTENCY_CHECK_ON_START",
        parsers.parse_flag,
        False,
        help=(
            "Do the work of `initialize_buckets` when a server, a worker or a command such as "
            "`migrate` starts."
        ),
    )
    consistency_check_strict: bool = _declare(
        "MINIO_CONSISTENCY_CHECK_STRICT",
        parsers.parse_flag,
        False,
        help="Do not start if that fails.",
    )
    buckets: Mapping[str, Mapping[str, Any]] = _declare(
        "MINIO_BUCKETS",
        bucket_settings.parse_bucket_settings,
        help="Versioning, lifecycle, object lock, CORS and tags of declared buckets.",
    )
    references: Any = _declare(
        "MINIO_REFERENCES",
        parsers.parse_references,
        help=(
            "A callable of the storage, or a dotted path to one. It returns names that "
            "`clean_orphaned_minio_files` must keep."
        ),
        shown="none",
    )
    policy_hooks: tuple[tuple[str, str], ...] | str = _declare(
        "MINIO_POLICY_HOOKS",
        parsers.parse_policy_hooks,
        (),
        help=(
            "A list of `(bucket, policy)` that `initialize_buckets` applies, or a dotted path to "
            "one."
        ),
    )
    url_expiry: datetime.timedelta = _declare(
        "MINIO_URL_EXPIRY_HOURS",
        parsers.parse_lifetime,
        parsers.MAX_EXPIRY,
        help="The life of a signed link: a `timedelta` or a number of hours. S3 allows 7 days.",
        shown="`timedelta(days=7)`",
    )
    url_stable_window: int | None = _declare(
        "MINIO_URL_STABLE_WINDOW",
        parsers.parse_window,
        help=(
            "Seconds, or a `timedelta`, during which all processes give the same signed link, so "
            "that browsers and CDNs can cache it. `0`: a new link every second."
        ),
        shown="a tenth of the expiry",
    )
    public_base_url: str = _declare(
        "MINIO_PUBLIC_BASE_URL",
        parsers.parse_base_url,
        "",
        help=(
            "The address of a CDN or domain before a public bucket, such as "
            "`https://cdn.example.com`, or a path on the site's own host, such as `/media`."
        ),
        shown="none",
    )
    url_caching_enabled: bool = _declare(
        "MINIO_URL_CACHING_ENABLED",
        parsers.parse_flag,
        False,
        help=(
            "Keep signed links in Django's cache. Saving or deleting a file changes its link for "
            "all processes, so browsers do not show the old content. Also read from the settings."
        ),
    )
    url_cache_timeout: float | None = _declare(
        "MINIO_URL_CACHE_TIMEOUT",
        parsers.parse_optional_seconds,
        help="The most seconds that a link is cached. Also read from the settings.",
        shown="80 % of the expiry",
    )
    url_cache_prefix: str = _declare(
        "MINIO_URL_CACHE_PREFIX",
        parsers.parse_text,
        "minio_url_",
        help="The start of the cache keys. Also read from the settings.",
    )
    multipart_upload: bool | None = _declare(
        "MINIO_MULTIPART_UPLOAD",
        parsers.parse_optional_flag,
        help=(
            "True: send files from MINIO_MULTIPART_THRESHOLD on in parts. False: send each file in "
            "one request, up to 5 GiB. None: send files on a disk or in memory from 64 MiB on in "
            "parts of at least 32 MiB, if the server is known to refuse taken names then. Content "
            "of unknown length is always sent in parts."
        ),
    )
    multipart_threshold: int = _declare(
        "MINIO_MULTIPART_THRESHOLD",
        parsers.parse_count,
        10 * 2**20,
        help="The size in bytes from which a file is large.",
        shown="10 MiB",
    )
    multipart_part_size: int = _declare(
        "MINIO_MULTIPART_PART_SIZE",
        parsers.parse_part_size,
        10 * 2**20,
        help="The size of a part in bytes, at least 5 MiB. Memory is bounded by it.",
        shown="10 MiB",
    )
    multipart_parallel: int = _declare(
        "MINIO_MULTIPART_PARALLEL",
        parsers.parse_threads,
        3,
        help="The number of parts sent at once. Memory is bounded by one part more than that.",
    )
    object_headers: ObjectHeaders = _declare(
        "MINIO_OBJECT_HEADERS",
        headers.parse_object_headers,
        help=(
            "Cache-Control, Content-Disposition and other headers of saved objects: a dict, or a "
            "callable of the name."
        ),
    )
    gzip: tuple[str, ...] = _declare(
        "MINIO_GZIP",
        parsers.parse_gzip,
        (),
        help=(
            "Store text gzipped: `True` for text, JavaScript, JSON, XML and SVG, or a list of "
            'media types such as `["text/*"]`.'
        ),
        shown="`False`",
    )
    static_compress: str = _declare(
        "MINIO_STATIC_COMPRESS",
        parsers.parse_static_compress,
        "",
        help='Store static text compressed: `"gzip"`, or `"br"` with the extra `brotli`.',
        shown="none",
    )
    static_use_finders: bool = _declare(
        "MINIO_STATIC_USE_FINDERS",
        parsers.parse_flag,
        True,
        help=(
            "Under `runserver` with `DEBUG`, link to the files of Django's finders, so that a new "
            "file needs no `collectstatic`."
        ),
    )
    settings_http_client: urllib3.PoolManager | None = _declare(
        "MINIO_HTTP_CLIENT",
        parsers.parse_http_client,
        help="Your own `urllib3.PoolManager`. Its certificates, time-outs and retries apply then.",
        shown="none",
    )
    ca_certs: str | None = _declare(
        "MINIO_CA_CERTS",
        parsers.parse_file_path,
        help="The path of a PEM file with the certificate authorities to trust.",
        shown="certifi's",
    )
    connect_timeout: float = _declare(
        "MINIO_CONNECT_TIMEOUT",
        parsers.parse_seconds,
        5.0,
        help="Seconds to wait for a connection.",
    )
    read_timeout: float = _declare(
        "MINIO_READ_TIMEOUT", parsers.parse_seconds, 60.0, help="Seconds to wait for data."
    )
    retries: int = _declare(
        "MINIO_RETRIES",
        parsers.parse_count,
        3,
        help="How often a request is repeated if that is safe.",
    )
    keyword_http_client: urllib3.PoolManager | None = _declare(
        "http_client",
        parsers.parse_http_client,
        help="As `MINIO_HTTP_CLIENT`, and goes before it.",
        shown="none",
    )
    replace_existing: bool = _declare(
        "replace_existing",
        parsers.parse_flag,
        False,
        help="Replace an existing file of the same name, instead of choosing another name.",
    )
    metadata: Mapping[str, str] = _declare(
        "metadata", headers.parse_metadata, help="User metadata of saved objects: a dict."
    )
    sse: Mapping[str, str] = _declare(
        "sse",
        headers.parse_sse,
        help="Server-side encryption: a `minio.sse.Sse`, such as `SseS3()`.",
        shown="none",
    )
    progress: Any = _declare(
        "progress",
        parsers.parse_progress,
        help=(
            "An object with `set_meta(object_name, total_length)` and `update(n)`. It is told the "
            "bytes that are sent."
        ),
        shown="none",
    )
    tags: str = _declare(
        "tags",
        headers.parse_tags,
        "",
        help="Tags of saved objects: a dict of up to ten.",
        shown="none",
    )
    retention: Mapping[str, str] = _declare(
        "retention",
        headers.parse_retention,
        help="A `minio.retention.Retention` for saved objects.",
        shown="none",
    )
    legal_hold: bool = _declare(
        "legal_hold", parsers.parse_flag, False, help="Put saved objects under legal hold."
    )
