from __future__ import annotations

import xml.etree.ElementTree as ET

from django_minio_backend.s3.xml import NAMESPACE, read_child_text, strip_namespace


def test_names_are_the_same_in_any_namespace() -> None:
    for document in ("<Error/>", f'<Error xmlns="{NAMESPACE}"/>', '<Error xmlns="other"/>'):
        assert strip_namespace(ET.fromstring(document)) == "Error"


def test_a_missing_or_empty_child_has_no_text() -> None:
    root = ET.fromstring("<Error><Code>NoSuchKey</Code><Message/></Error>")
    assert read_child_text(root, "Code") == "NoSuchKey"
    assert read_child_text(root, "Message") == ""
    assert read_child_text(root, "Resource") == ""
