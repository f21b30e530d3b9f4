"""The settings in MINIO_BUCKETS and S3's documents for them: pure functions.

Each setting is kept in a form that is equal for equal meanings, whoever wrote it.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import datetime
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django_minio_backend.config import bucket_settings
from django_minio_backend.s3.xml import NAMESPACE, read_child_text, strip_namespace

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:?\d\d)?)?")
_MODES = ("GOVERNANCE", "COMPLIANCE")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of setting. `query` is S3's name for its document, whose root is `root`."""

    query: str
    root: str
    #: Converts the declared value to the kept form. Raises ValueError with the end of a sentence.
    parse: Callable[[Any], Any]
    #: Converts the server's document, None without one, to the kept form.
    read: Callable[[ET.Element | None], Any]
    #: Converts the kept form to the document's content.
    content: Callable[[Any], Any]


def parse_bucket_settings(value: object) -> Mapping[str, Settings]:
    """Parse MINIO_BUCKETS. Raises ValueError with the end of a sentence."""
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of bucket names to mappings of their settings")
    return MappingProxyType(
        {str(name): parse(str(name), settings) for name, settings in value.items()}
    )


def parse(name: str, entry: object) -> Settings:
    """Parse a bucket's entry in MINIO_BUCKETS. Raises ValueError with the end of a sentence."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"has for '{name}' no mapping but {type(entry).__name__}")
    settings = {}
    for setting, value in entry.items():
        if setting not in KINDS:
            raise ValueError(
                f"has for '{name}' the unknown setting {setting!r}: use {', '.join(KINDS)}"
            )
        try:
            settings[setting] = KINDS[setting].parse(value)
        except ValueError as error:
            raise ValueError(f"has for '{name}' a {setting} that {error}") from None
    return MappingProxyType(settings)


def is_same(setting: str, wanted: Any, actual: Any) -> bool:
    """Return True if the server has the wanted setting. A lock without a rule accepts any rule."""
    if setting == "object_lock" and wanted == _LOCKED:
        return actual is not None
    if setting == "versioning":
        # A bucket that never had versions equals one with suspended versions.
        return bool((wanted == "Enabled") == (actual == "Enabled"))
    if setting in {"lifecycle", "cors"}:
        return bool(_normalise(wanted) == _normalise(actual))
    return bool(wanted == actual)


def _normalise(value: Any) -> Any:
    """Return rules in a form that is equal for rules with the same meaning."""
    if isinstance(value, Mapping):
        return {name: _normalise(content) for name, content in value.items()}
    if isinstance(value, list):
        several = {json.dumps(rule, sort_keys=True): rule for rule in map(_normalise, value)}
        return [several[text] for text in sorted(several)]
    text = str(value)
    if _DATE.fullmatch(text):
        return str(bucket_settings.normalise_date(text))
    return text.lower() if text.lower() in {"true", "false"} else text


def write_document(setting: str, kept_form: Any) -> bytes | None:
    """Return the document of a setting, None if the bucket must have none."""
    kind = KINDS[setting]
    if not (content := kind.content(kept_form)):
        return None
    root = ET.Element(kind.root, xmlns=NAMESPACE)
    _fill(root, content)
    return ET.tostring(root)


def _write_versioning(value: Any) -> str:
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return "Enabled" if value else "Suspended"


def _read_versioning(root: ET.Element | None) -> str:
    status = "" if root is None else read_child_text(root, "Status")
    return status or "never enabled"


_LOCKED = {"ObjectLockEnabled": "Enabled"}


def _write_object_lock(value: Any) -> Any:
    if value is True:
        return _LOCKED
    fault = f"must be True, or hold a mode ({' or '.join(_MODES)}) and days or years"
    if not isinstance(value, Mapping) or value.get("mode") not in _MODES:
        raise ValueError(fault)
    periods = {name: value[name] for name in ("days", "years") if name in value}
    if len(value) != 2 or [isinstance(n, int) and n > 0 for n in periods.values()] != [True]:
        raise ValueError(fault)
    (period, count), *_ = periods.items()
    rule = {"Mode": value["mode"], period.capitalize(): str(count)}
    return {**_LOCKED, "Rule": {"DefaultRetention": rule}}


def _write_tags(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of names to values")
    return {str(name): str(content) for name, content in value.items()}


def _read_tags(root: ET.Element | None) -> dict[str, str]:
    pairs = [] if root is None else [e for e in root.iter() if strip_namespace(e) == "Tag"]
    return {read_child_text(pair, "Key"): read_child_text(pair, "Value") for pair in pairs}


def _write_tag_set(tags: dict[str, str]) -> Any:
    return {"TagSet": {"Tag": [{"Key": k, "Value": v} for k, v in tags.items()]}} if tags else None


def _write_lifecycle(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple) or not all(isinstance(rule, Mapping) for rule in value):
        raise ValueError("must be a list of rules, each a mapping with S3's names")
    rules = [
        # S3 requires these in each rule.
        {"ID": f"rule-{number}", "Status": "Enabled", **_write_scope(rule), **rule}
        for number, rule in enumerate(value, 1)
    ]
    return _sort([_simplify(rule) for rule in rules])


def _write_scope(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {} if "Filter" in rule or "Prefix" in rule else {"Filter": {"Prefix": ""}}


def _read_lifecycle(root: ET.Element | None) -> list[Any]:
    rules = [] if root is None else [e for e in root if strip_namespace(e) == "Rule"]
    return _sort([_make_tree(rule) for rule in rules])


def _read_rules(rules: list[Any]) -> Any:
    # Empty filters are dropped for comparing, but S3 requires one in the document.
    return {"Rule": [{**_write_scope(rule), **rule} for rule in rules]} if rules else None


# The names of S3's programs, and those in its document.
_CORS_NAMES = {
    "AllowedOrigins": "AllowedOrigin",
    "AllowedMethods": "AllowedMethod",
    "AllowedHeaders": "AllowedHeader",
    "ExposeHeaders": "ExposeHeader",
}


def _write_cors(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple) or not all(isinstance(rule, Mapping) for rule in value):
        raise ValueError("must be a list of rules, each a mapping with S3's names")
    for rule in value:
        if not {"AllowedOrigins", "AllowedMethods"} <= set(rule):
            raise ValueError("needs AllowedOrigins and AllowedMethods in each rule")
    return [
        _simplify({_CORS_NAMES.get(str(name), name): content for name, content in rule.items()})
        for rule in value
    ]


def _read_cors(root: ET.Element | None) -> list[Any]:
    rules = [] if root is None else [e for e in root if strip_namespace(e) == "CORSRule"]
    return [_make_tree(rule) for rule in rules]


def _sort(rules: list[Any]) -> list[Any]:
    return sorted(rules, key=lambda rule: json.dumps(rule, sort_keys=True))


def _simplify(value: Any) -> Any:
    """Return a declared value as in a document: as texts, and without empty values."""
    if isinstance(value, Mapping):
        filled = {str(name): _simplify(content) for name, content in value.items()}
        return {name: content for name, content in filled.items() if content}
    if isinstance(value, list | tuple):
        several = [_simplify(content) for content in value]
        return several[0] if len(several) == 1 else several
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date):
        return f"{value:%Y-%m-%d}T00:00:00Z"
    return str(value)


def _make_tree(element: ET.Element) -> Any:
    """Return a document's element in the form of `_simplify`."""
    if not len(element):
        return (element.text or "").strip()
    tree: dict[str, Any] = {}
    for child in element:
        name, content = strip_namespace(child), _make_tree(child)
        if name in tree:
            before = tree[name] if isinstance(tree[name], list) else [tree[name]]
            tree[name] = [*before, content]
        elif content:
            tree[name] = content
    return tree


def _fill(element: ET.Element, content: Any) -> None:
    for name, value in content.items():
        for item in value if isinstance(value, list) else [value]:
            child = ET.SubElement(element, name)
            if isinstance(item, dict):
                _fill(child, item)
            else:
                child.text = item


KINDS = {
    "versioning": Kind(
        "versioning",
        "VersioningConfiguration",
        _write_versioning,
        _read_versioning,
        lambda held: {"Status": held},
    ),
    "object_lock": Kind(
        "object-lock",
        "ObjectLockConfiguration",
        _write_object_lock,
        lambda root: None if root is None else _make_tree(root),
        lambda held: held,
    ),
    "lifecycle": Kind(
        "lifecycle", "LifecycleConfiguration", _write_lifecycle, _read_lifecycle, _read_rules
    ),
    "cors": Kind(
        "cors",
        "CORSConfiguration",
        _write_cors,
        _read_cors,
        lambda held: {"CORSRule": held} if held else None,
    ),
    "tags": Kind("tagging", "Tagging", _write_tags, _read_tags, _write_tag_set),
}


def normalise_date(text: str) -> datetime.datetime:
    """Return a date as aware UTC, with or without a time. Raises ValueError if it is none."""
    date = datetime.datetime.fromisoformat(text)
    aware = date if date.tzinfo else date.replace(tzinfo=datetime.UTC)
    return aware.astimezone(datetime.UTC)
