#!/bin/sh
# Print a Python that is at least 3.11 and can make virtual environments. Candidates are run, not
# just found: a pyenv shim exists for versions that are not selected, and then fails.
set -u
check='import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))'

candidates() {
    [ -n "${PYTHON:-}" ] && echo "$PYTHON"
    for version in 3.14 3.13 3.12 3.11; do
        echo "python$version"
        for root in "${PYENV_ROOT:-}" "${HOME:-}/.pyenv"; do
            [ -n "$root" ] && ls -d "$root/versions/$version".*/bin/python 2>/dev/null
        done
    done
    echo python3
    echo python
}

candidates | {
    while read -r candidate; do
        if "$candidate" -c "$check" >/dev/null 2>&1; then
            echo "$candidate"
            exit 0
        fi
    done
    echo "No Python 3.11 or newer with venv was found: install one, or set PYTHON=/path/to/python." >&2
    exit 1
}
