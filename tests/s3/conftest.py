from __future__ import annotations

MODIFIED = {"Last-Modified": "Sat, 21 Nov 2026 11:50:09 GMT"}
