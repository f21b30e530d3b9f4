# The two commands: `make demo` (ONESHOT=1 to stop when it is done) and `make test`.
.PHONY: demo test matrix bench clean

demo: .venv/.installed
	exec .venv/bin/python -m examples.demo $(if $(ONESHOT),--oneshot)

test: .venv/.installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/python -m pytest --cov

# Every supported Python, Django and minio; `nox --list` shows the corners.
matrix: .venv/.installed-dev
	.venv/bin/nox

# The storage beside its peers, each in an environment of its own; QUICK=1 for a small run.
bench: .venv/.installed-bench
	.venv/bin/python -m benchmarks $(if $(QUICK),--quick)

clean:
	rm -rf .venv .nox .coverage .mypy_cache .pytest_cache .ruff_cache

.venv/.installed: pyproject.toml
	"$$(tools/find_python.sh)" -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable . openpyxl
	touch $@

.venv/.installed-dev: .venv/.installed
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

.venv/.installed-bench: .venv/.installed
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	touch $@
