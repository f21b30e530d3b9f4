from __future__ import annotations

MIB = 2**20


PART = 5 * MIB
