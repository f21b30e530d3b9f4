"""System checks: what is wrong is said before it hurts, without the network unless asked.

Each message has one factory and one id, which is never given to another.
"""

from __future__ import annotations

import ipaddress
import itertools
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, cast

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.db.models import FileField
from django.utils.text import capfirst

from django_minio_backend import buckets, declared, health, options
from django_minio_backend.dual import DualReadStorage
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.options import Options
from django_minio_backend.parsing import Endpoint
from django_minio_backend.storage import MinioBackend, aliases, backend_class, configured

#: The tag that runs the checks which ask the server: `manage.py check --tag minio`.
NETWORK = "minio"
_LABEL = "django_minio_backend"
#: Longer than this a leaked link is a leaked file.
_LONG_EXPIRY = timedelta(days=1)
# In every tutorial: MinIO's own, and those of its public playground.
_WELL_KNOWN = {"minioadmin", "minio123", "zuf+tfteSlswRu7BJ86wekitnifILbZam1KYY3TG"}
_TOLERATED_CLOCK = 60.0  # seconds; S3 refuses requests at 900


def _error(number: int, message: str, hint: str = "", obj: Any = None) -> CheckMessage:
    return checks.Error(message, hint=hint or None, obj=obj, id=f"{_LABEL}.E{number:03}")


def _warning(number: int, message: str, hint: str = "", obj: Any = None) -> CheckMessage:
    return checks.Warning(message, hint=hint or None, obj=obj, id=f"{_LABEL}.W{number:03}")


unknown_option = partial(_error, 1)
missing_option = partial(_error, 2)
invalid_option = partial(_error, 3)
contradiction = partial(_error, 4)
shared_static_bucket = partial(_error, 5)
contradictory_buckets = partial(_error, 6)
invalid_hooks = partial(_error, 7)
unavailable = partial(_error, 8)
broken_move = partial(_error, 9)
misplaced_option = partial(_warning, 1)
flat_settings = partial(_warning, 2)
undeclared_bucket = partial(_warning, 3)
app_order = partial(_warning, 4)
plain_http = partial(_warning, 5)
default_credentials = partial(_warning, 6)
long_expiry = partial(_warning, 7)
drifted_bucket = partial(_warning, 8)
clock_difference = partial(_warning, 9)


def register_all() -> None:
    for check in (check_options, check_places, check_buckets, check_fields, check_moves):
        checks.register(check, Tags.files)
    checks.register(check_app_order, Tags.files)
    checks.register(check_deployment, Tags.security, deploy=True)
    checks.register(check_servers, NETWORK)


def check_options(**kwargs: Any) -> list[CheckMessage]:
    """Each alias's OPTIONS by themselves."""
    return [message for alias in aliases() for message in _options_of(alias)]


def _options_of(alias: str) -> Iterator[CheckMessage]:
    given = declared.declared_options(alias)
    at = f"STORAGES['{alias}']['OPTIONS']"
    cls = backend_class(settings.STORAGES[alias]["BACKEND"])
    # A subclass with a constructor of its own may be given anything.
    own_constructor = cls is not None and cls.has_own_constructor()
    if own_constructor:
        given = {}
    unknown = options.unknown(given)
    missing = [] if own_constructor else options.missing(given)
    invalid = list(options.invalid(alias, {n: v for n, v in given.items() if n not in missing}))
    for name, hint in unknown.items():
        yield unknown_option(f"{at} has the unknown option {name}.", capfirst(hint))
    for name in missing:
        yield missing_option(f"{at} lacks {name}.", f"Add {name}.")
    for error in invalid:
        yield invalid_option(str(error))
    if own_constructor or not (unknown or missing or invalid):
        try:
            storages[alias]
        except ConfigurationError as error:
            yield contradiction(str(error))


def check_places(**kwargs: Any) -> list[CheckMessage]:
    """Options that are where nobody reads them, and version 3's settings."""
    messages = [
        misplaced_option(
            f"{name} in STORAGES['{alias}'] has no effect there.",
            f"Move it into STORAGES['{alias}']['OPTIONS'].",
        )
        for alias in aliases()
        for name in settings.STORAGES[alias]
        if name in options.NAMES
    ]
    if not (flat := declared.flat_settings()):
        return messages
    if declared.uses_flat_settings(aliases()):
        return [*messages, flat_settings(_FLAT, storages_block(flat))]
    used = [declared.declared_options(alias) for alias in aliases()]
    # A setting that OPTIONS were made of is where it belongs.
    return messages + [
        misplaced_option(
            f"The setting {name} has no effect outside STORAGES.",
            "Move it into the OPTIONS of the storage that it is for.",
        )
        for name, value in flat.items()
        if name not in declared.ALSO_FLAT and not any(o.get(name) == value for o in used)
    ]


_FLAT = "MINIO_… settings outside STORAGES are version 3's and deprecated."


def storages_block(flat: Mapping[str, Any]) -> str:
    """Return the STORAGES that says what version 3's settings say, without its secrets."""
    lines = ["Write instead:", "", "MINIO = {"]
    lines += [f'    "{name}": {_as_code(name, value)},' for name, value in sorted(flat.items())]
    lines += ["}", "STORAGES = {"]
    for alias, backend in declared.aliases():
        ours = ', "OPTIONS": MINIO' if alias in aliases() else ""
        lines.append(f'    "{alias}": {{"BACKEND": "{backend}"{ours}}},')
    if not aliases():
        backend = f"{MinioBackend.__module__}.MinioBackend"
        lines.append(f'    "minio": {{"BACKEND": "{backend}", "OPTIONS": MINIO}},')
    return "\n".join([*lines, "}"])


def _as_code(name: str, value: Any) -> str:
    if name in options.SECRET:
        return f'os.environ["{name}"]'
    # A live object has no literal, but its setting may stay a variable.
    return name if "object at 0x" in repr(value) else repr(value)


def check_buckets(**kwargs: Any) -> list[CheckMessage]:
    """What aliases declare of the same buckets."""
    made = list(_valid_options())
    messages = []
    for one in made:
        try:
            list(buckets.policy_hooks(one))
        except ConfigurationError as error:
            messages.append(invalid_hooks(str(error)))
    for one, other in itertools.permutations(made, 2):
        if one.endpoint != other.endpoint:
            continue
        if one.is_static and not other.is_static and one.bucket in _buckets_of(other):
            messages.append(
                shared_static_bucket(
                    f"Storage '{one.alias}' keeps static files in the bucket '{one.bucket}', "
                    f"which storage '{other.alias}' declares for other files.",
                    "Give static files a bucket of their own: `collectstatic --clear` empties it.",
                )
            )
        elif mixed := sorted({*one.private_buckets} & {*other.public_buckets}):
            messages.append(
                contradictory_buckets(
                    f"Private by storage '{one.alias}' and public by '{other.alias}': "
                    f"{', '.join(mixed)}.",
                    "Leave each bucket in the lists of one of them, or in the same lists of both.",
                )
            )
    return messages


def check_fields(**kwargs: Any) -> list[CheckMessage]:
    """The buckets that FileFields store into."""
    known = {(one.endpoint, bucket) for one in _valid_options() for bucket in _buckets_of(one)}
    return [
        undeclared_bucket(
            f"The bucket '{found.bucket}' of {field} is declared by no storage.",
            "Add it to MINIO_PRIVATE_BUCKETS or MINIO_PUBLIC_BUCKETS, so that "
            "initialize_buckets creates it.",
            obj=field,
        )
        for model in apps.get_models()
        for field in model._meta.local_fields
        if isinstance(field, FileField)
        and (found := _options_of_field(field)) is not None
        and (found.endpoint, found.bucket) not in known
    ]


def check_app_order(**kwargs: Any) -> list[CheckMessage]:
    """That `collectstatic` is ours where static files are."""
    names = [config.name for config in apps.get_app_configs()]
    static = any(one.is_static for one in _valid_options())
    if not static or {_LABEL, _STATICFILES} - {*names}:
        return []
    if names.index(_LABEL) < names.index(_STATICFILES):
        return []
    return [
        app_order(
            f"{_STATICFILES} comes before {_LABEL} in INSTALLED_APPS, so that `collectstatic` is "
            "Django's, which is slower.",
            f"Put {_LABEL} before {_STATICFILES}.",
        )
    ]


_STATICFILES = "django.contrib.staticfiles"


def check_deployment(**kwargs: Any) -> list[CheckMessage]:
    """What is fine on a developer's machine and nowhere else; `check --deploy`."""
    return [message for one in _valid_options() for message in _deployment_of(one)]


def _deployment_of(one: Options) -> Iterator[CheckMessage]:
    at = f"Storage '{one.alias}'"
    for endpoint in dict.fromkeys([one.endpoint, one.external_endpoint]):
        if not endpoint.secure and not _is_local(endpoint):
            yield plain_http(
                f"{at} talks plain HTTP to {endpoint.netloc}: whoever listens reads the files.",
                "Use HTTPS: MINIO_USE_HTTPS, MINIO_EXTERNAL_ENDPOINT_USE_HTTPS.",
            )
    if one.secret_key in _WELL_KNOWN:
        yield default_credentials(
            f"{at} uses credentials that everybody knows.", "Create an access key for it."
        )
    if one.url_expiry > _LONG_EXPIRY and not one.is_static:
        yield long_expiry(
            f"{at} signs links that work for {one.url_expiry}.",
            "Set MINIO_URL_EXPIRY_HOURS to timedelta(days=1) or less: a link cannot be taken back.",
        )


def _is_local(endpoint: Endpoint) -> bool:
    """Say whether an endpoint is on this machine or in its private network."""
    try:
        return ipaddress.ip_address(endpoint.host).is_private
    except ValueError:
        suffixes = (".localhost", ".local", ".internal")
        return "." not in endpoint.host or endpoint.host.endswith(suffixes)


def check_moves(**kwargs: Any) -> list[CheckMessage]:
    """Whether what a DualReadStorage stands for is there, and what its links lead to."""
    messages = []
    for alias, backend in declared.aliases():
        if backend_class(backend, DualReadStorage):
            try:
                storages[alias].url("name")
            except (ImproperlyConfigured, TypeError) as error:
                messages.append(broken_move(f"STORAGES['{alias}']: {error}"))
    return messages


def check_servers(**kwargs: Any) -> list[CheckMessage]:
    """Whether servers and buckets are as declared; asks the network, so only by its tag."""
    # Django does not tell a check which tags were asked for.
    caller = sys._getframe(1).f_locals
    if NETWORK not in (caller.get("tags") or ()):
        return []
    try:
        return _ask_servers()
    except ConfigurationError as error:
        return [contradiction(str(error))]


def _ask_servers() -> list[CheckMessage]:
    storages = dict(configured())
    states = health.check_all(storages)
    messages = [message for item in states.items() for message in _server_of(*item)]
    up = {one.options.alias for alias, one in storages.items() if states[alias]}
    declared = buckets.all_declared((one.s3, one.options) for one in storages.values())
    targets = [target for target in declared if target[1].alias in up]
    for planned in buckets.plan_all(targets):
        if planned.error or planned.changes:
            name = planned.wanted.bucket
            messages.append(
                drifted_bucket(
                    f"The bucket '{name}' of storage '{planned.wanted.alias}' is not as "
                    f"declared: {planned.error or planned.was}",
                    "Run `manage.py initialize_buckets`.",
                )
            )
    return messages


def _server_of(alias: str, status: health.MinioServerStatus) -> Iterator[CheckMessage]:
    if not status:
        yield unavailable(f"Storage '{alias}': {status.details}")
    elif abs(status.clock_difference or 0) > _TOLERATED_CLOCK:
        yield clock_difference(
            f"Storage '{alias}': the server's clock differs by {status.clock_difference} s.",
            "Synchronise the clocks: at 15 minutes S3 refuses all requests.",
        )


def _valid_options() -> Iterator[Options]:
    """Yield the options of the aliases that have nothing wrong with them."""
    for alias in aliases():
        with suppress(ConfigurationError, TypeError):  # OPTIONS that are no mapping
            yield cast(MinioBackend, storages[alias]).options


def _options_of_field(field: FileField) -> Options | None:
    try:
        # The default storage is an object that becomes one of ours when it is looked at.
        return field.storage.options if isinstance(field.storage, MinioBackend) else None
    except Exception:
        # Whatever another storage raises when it is made; Django's checks are for that.
        return None


def _buckets_of(one: Options) -> set[str]:
    return {*one.private_buckets, *one.public_buckets}
