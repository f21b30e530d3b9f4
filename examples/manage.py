#!/usr/bin/env python
"""Run the example project's management commands: `python examples/manage.py runserver`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    # Python looks for modules beside this file; the project is the package one level up.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.project.settings")
    execute_from_command_line(sys.argv)
