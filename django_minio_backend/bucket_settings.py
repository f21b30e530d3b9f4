"""What MINIO_BUCKETS declares of a bucket, and the documents that S3 has for it: all pure.

Each setting is held in a form that is equal for what means the same, whoever wrote it.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import datetime
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django_minio_backend.answers import NAMESPACE, child_text, local_name

_MODES = ("GOVERNANCE", "COMPLIANCE")
Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of setting: `query` is S3's name for its document, whose root is `root`."""

    query: str
    root: str
    #: From what is declared to what is held; raises ValueError with the end of a sentence.
    parse: Callable[[Any], Any]
    #: From the server's document, None when it has none, to what is held.
    read: Callable[[ET.Element | None], Any]
    #: From what is held to what the document holds.
    content: Callable[[Any], Any]


def parse_all(value: object) -> Mapping[str, Settings]:
    """Parse MINIO_BUCKETS. Raises ValueError with the end of a sentence."""
    if value is None:
        return MappingProxyType({})
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of bucket names to mappings of their settings")
    return MappingProxyType({str(name): parse(str(name), given) for name, given in value.items()})


def parse(name: str, given: object) -> Settings:
    """Parse a bucket's entry in MINIO_BUCKETS. Raises ValueError with the end of a sentence."""
    if not isinstance(given, Mapping):
        raise ValueError(f"has for '{name}' no mapping but {type(given).__name__}")
    held = {}
    for setting, value in given.items():
        if setting not in KINDS:
            raise ValueError(
                f"has for '{name}' the unknown setting {setting!r}: use {', '.join(KINDS)}"
            )
        try:
            held[setting] = KINDS[setting].parse(value)
        except ValueError as error:
            raise ValueError(f"has for '{name}' a {setting} that {error}") from None
    return MappingProxyType(held)


def same(setting: str, wanted: Any, actual: Any) -> bool:
    """Say whether the server has what is wanted; of a lock without a rule any rule is fine."""
    if setting == "object_lock" and wanted == _LOCKED:
        return actual is not None
    return bool(wanted == actual)


def document(setting: str, held: Any) -> bytes | None:
    """Return the document that makes a bucket so, None where it is to have none."""
    kind = KINDS[setting]
    if not (content := kind.content(held)):
        return None
    root = ET.Element(kind.root, xmlns=NAMESPACE)
    _fill(root, content)
    return ET.tostring(root)


def _versioning(value: Any) -> str:
    if not isinstance(value, bool):
        raise ValueError("must be True or False")
    return "Enabled" if value else "Suspended"


def _read_versioning(root: ET.Element | None) -> str:
    # A bucket that never had versions is as good as one that has them no more.
    status = "" if root is None else child_text(root, "Status")
    return status or "Suspended"


_LOCKED = {"ObjectLockEnabled": "Enabled"}


def _object_lock(value: Any) -> Any:
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


def _tags(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ValueError("must be a mapping of names to values")
    return {str(name): str(content) for name, content in value.items()}


def _read_tags(root: ET.Element | None) -> dict[str, str]:
    pairs = [] if root is None else [e for e in root.iter() if local_name(e) == "Tag"]
    return {child_text(pair, "Key"): child_text(pair, "Value") for pair in pairs}


def _tag_set(held: dict[str, str]) -> Any:
    return {"TagSet": {"Tag": [{"Key": k, "Value": v} for k, v in held.items()]}} if held else None


def _lifecycle(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise ValueError("must be a list of rules, each a mapping with S3's names")
    rules = [
        # What S3 wants in each rule.
        {"ID": f"rule-{number}", "Status": "Enabled", **_scope(rule), **rule}
        for number, rule in enumerate(value, 1)
    ]
    return _sorted([_plain(rule) for rule in rules])


def _scope(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {} if "Filter" in rule or "Prefix" in rule else {"Filter": {"Prefix": ""}}


def _read_lifecycle(root: ET.Element | None) -> list[Any]:
    rules = [] if root is None else [e for e in root if local_name(e) == "Rule"]
    return _sorted([_tree(rule) for rule in rules])


def _rules(held: list[Any]) -> Any:
    # What says nothing is left out of what is held, but S3 wants to see it said.
    return {"Rule": [{**_scope(rule), **rule} for rule in held]} if held else None


def _sorted(rules: list[Any]) -> list[Any]:
    return sorted(rules, key=lambda rule: json.dumps(rule, sort_keys=True))


def _plain(value: Any) -> Any:
    """Return a declared value as a document would hold it: texts, without what is empty."""
    if isinstance(value, Mapping):
        filled = {str(name): _plain(content) for name, content in value.items()}
        return {name: content for name, content in filled.items() if content}
    if isinstance(value, list | tuple):
        several = [_plain(content) for content in value]
        return several[0] if len(several) == 1 else several
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date):
        return f"{value:%Y-%m-%d}T00:00:00Z"
    return str(value)


def _tree(element: ET.Element) -> Any:
    """Return a document's element as `_plain` holds it."""
    if not len(element):
        return (element.text or "").strip()
    found: dict[str, Any] = {}
    for child in element:
        name, content = local_name(child), _tree(child)
        if name in found:
            before = found[name] if isinstance(found[name], list) else [found[name]]
            found[name] = [*before, content]
        elif content:
            found[name] = content
    return found


def _fill(element: ET.Element, content: Any) -> None:
    for name, value in content.items():
        for one in value if isinstance(value, list) else [value]:
            child = ET.SubElement(element, name)
            if isinstance(one, dict):
                _fill(child, one)
            else:
                child.text = one


KINDS = {
    "versioning": Kind(
        "versioning",
        "VersioningConfiguration",
        _versioning,
        _read_versioning,
        lambda held: {"Status": held},
    ),
    "object_lock": Kind(
        "object-lock",
        "ObjectLockConfiguration",
        _object_lock,
        lambda root: None if root is None else _tree(root),
        lambda held: held,
    ),
    "lifecycle": Kind("lifecycle", "LifecycleConfiguration", _lifecycle, _read_lifecycle, _rules),
    "tags": Kind("tagging", "Tagging", _tags, _read_tags, _tag_set),
}
