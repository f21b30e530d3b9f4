"""Buckets as the settings declare them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.module_loading import import_string

from django_minio_backend.buckets import policies
from django_minio_backend.config import parsers
from django_minio_backend.config.options import Options
from django_minio_backend.errors import ConfigurationError
from django_minio_backend.names import keep_outermost
from django_minio_backend.s3 import server
from django_minio_backend.s3.client import Client


@dataclass(frozen=True)
class Area:
    """The part of a bucket that an alias uses: the keys below `prefix`, "" for all.

    `kind` is "public", "static", "private", or "listed" for a private bucket that is not the
    alias's own.
    """

    prefix: str
    kind: str
    alias: str

    @property
    def is_public(self) -> bool:
        return self.kind in {"public", "static"}

    def exposes(self, other: Area) -> bool:
        """Return True if this area is public and contains another alias's private one.

        The bucket of static files is always public. A list that calls it private does not count.
        """
        outdone = self.kind == "static" and other.kind == "listed"
        within = other.prefix.startswith(self.prefix)
        return self.is_public and not other.is_public and within and not outdone

    def __str__(self) -> str:
        kind = "private" if self.kind == "listed" else self.kind
        below = f" below '{self.prefix}'" if self.prefix else ""
        return f"{'public' if self.is_public else kind}{below} by storage '{self.alias}'"


@dataclass(frozen=True)
class BucketDeclaration:
    """The settings' declaration of a bucket."""

    bucket: str
    areas: tuple[Area, ...] = ()
    hook: policies.Policy | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    alias: str = ""
    #: The other aliases that declare the bucket.
    others: tuple[str, ...] = ()

    @property
    def policy(self) -> policies.Policy | None:
        """The bucket's policy. None: nobody reads without credentials."""
        public = keep_outermost(area.prefix for area in self.areas if area.is_public)
        if self.hook is not None or not public:
            return self.hook
        return policies.allow_public_read(self.bucket, public)

    @property
    def kind(self) -> str:
        """The word for people: public, static, private, a mix of these, "… + hook"."""
        kinds = {area.kind for area in self.areas}
        if "listed" in kinds and "static" not in kinds:
            kinds.add("private")
        shown = [kind for kind in ("public", "private", "static") if kind in kinds]
        return " + ".join([*shown, *(["hook"] if self.hook is not None else [])])

    def is_of(self, alias: str) -> bool:
        return alias in {self.alias, *self.others}

    def merge(self, other: BucketDeclaration) -> BucketDeclaration:
        """Return both declarations as one. Raises ConfigurationError if they disagree."""
        both = set(self.settings) & set(other.settings)
        differing = sorted(name for name in both if self.settings[name] != other.settings[name])
        hooks = [declaration.hook for declaration in (self, other) if declaration.hook is not None]
        if len(hooks) == 2 and not policies.is_same(*hooks):
            differing.append("the policy hook")
        if differing:
            raise ConfigurationError(
                f"The bucket '{self.bucket}' is declared by storage '{self.alias}' and by "
                f"'{other.alias}', which disagree on {', '.join(differing)}: leave it in one."
            )
        areas = tuple(dict.fromkeys((*self.areas, *other.areas)))
        if not hooks:
            self._refuse_exposed(areas)
        return replace(
            self,
            areas=areas,
            hook=hooks[0] if hooks else None,
            settings={**self.settings, **other.settings},
            others=(*self.others, other.alias),
        )

    def _refuse_exposed(self, areas: Sequence[Area]) -> None:
        for public, private in itertools.permutations(areas, 2):
            if public.exposes(private):
                uses = " and ".join(str(area) for area in areas if area in (public, private))
                raise ConfigurationError(
                    f"The bucket '{self.bucket}' is declared {uses}: anybody could read files "
                    "that are to be private. Give the public files a bucket, or a "
                    "MINIO_LOCATION, of their own."
                )


def list_declarations(options: Options) -> list[BucketDeclaration]:
    """Return the buckets of an alias in a stable order: public, private, hooks' own.

    Raises ConfigurationError for wrong hooks.
    """
    hooks = dict(read_policy_hooks(options))

    def kind(bucket: str) -> str:
        if bucket in options.public_buckets:
            return "static" if options.is_static else "public"
        return "private" if bucket == options.bucket else "listed"

    buckets = [*options.public_buckets, *options.private_buckets]
    declared = [
        BucketDeclaration(
            bucket,
            (Area(options.prefix, kind(bucket), options.alias),),
            hooks.get(bucket),
            options.buckets.get(bucket, {}),
            options.alias,
        )
        for bucket in buckets
    ]
    foreign = [
        BucketDeclaration(bucket, hook=policy, alias=options.alias)
        for bucket, policy in hooks.items()
        if bucket not in buckets
    ]
    return [*declared, *foreign]


def read_policy_hooks(options: Options) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each hook's bucket and policy, from the option or from its dotted path."""
    hooks: Any = options.policy_hooks
    if isinstance(hooks, str):
        try:
            hooks = parsers.parse_policy_hooks(import_string(hooks))
        except (ImportError, ValueError) as error:
            raise ConfigurationError(
                f"Storage '{options.alias}': MINIO_POLICY_HOOKS {error}."
            ) from error
    for bucket, document in hooks:
        policy = json.loads(document)
        if fault := policies.find_fault(policy):
            raise ConfigurationError(
                f"Storage '{options.alias}': MINIO_POLICY_HOOKS has for '{bucket}' a policy that "
                f"{fault}."
            )
        yield bucket, policy


def merge_declarations(
    sources: Iterable[tuple[Client, Options]],
) -> list[tuple[Client, BucketDeclaration]]:
    """Return the buckets of several aliases, each once, with a client for it.

    Raises ConfigurationError if two aliases declare a bucket differently.
    """
    merged: dict[tuple[server.Endpoint, str], tuple[Client, BucketDeclaration]] = {}
    for client, options in sources:
        for declaration in list_declarations(options):
            at = (options.endpoint, declaration.bucket)
            if at in merged:
                first_client, earlier = merged[at]
                merged[at] = (first_client, earlier.merge(declaration))
            else:
                merged[at] = (client.for_bucket(declaration.bucket), declaration)
    return list(merged.values())
