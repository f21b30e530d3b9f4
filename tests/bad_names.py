from __future__ import annotations

BAD_NAMES = [
    "",
    ".",
    "/",
    "//abs",
    "../x",
    "a/../../b",
    "..\\a",
    "a\x00b",
    "a\nb",
    "a\x7fb",
    "a\x85b",
    "a\ud800b",
    "a\uffffb",
]
