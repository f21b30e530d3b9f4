"""S3's XML documents."""

from __future__ import annotations

import xml.etree.ElementTree as ET

#: The namespace of S3's documents.
NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def strip_namespace(element: ET.Element) -> str:
    """Return an element's name without its namespace, which differs between servers."""
    return element.tag.rpartition("}")[2]


def read_child_text(element: ET.Element, name: str) -> str:
    return next((child.text or "" for child in element if strip_namespace(child) == name), "")
