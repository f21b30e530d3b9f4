# The two commands: `make demo` (ONESHOT=1 to stop when it is done, SERVER=minio to have MinIO even
# if it must be built) and `make test`.
.PHONY: demo test matrix bench faults test-servers test-django soak docs docs-links dist clean

PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check

demo: .venv/.installed
	exec .venv/bin/python -m examples.demo $(if $(ONESHOT),--oneshot) $(if $(filter minio,$(SERVER)),--server minio)

test: .venv/.installed-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/python -m pytest --cov

# Every supported Python, Django and minio; `nox --list` shows the corners.
matrix: .venv/.installed-dev
	.venv/bin/nox

# The storage beside its peers, each in an environment of its own; how cost grows; copy_storage
# beside rclone. QUICK=1 for a small run.
bench: .venv/.installed-bench
	.venv/bin/python -m benchmarks $(if $(QUICK),--quick)
	.venv/bin/python -m benchmarks.growth $(if $(QUICK),--most 10000)
	.venv/bin/python -m benchmarks.copying
	.venv/bin/python -m benchmarks.direct

# The same operations and questions on several S3 servers; writes docs/servers/conformance.md.
test-servers: .venv/.installed-dev
	.venv/bin/python -W ignore -m tests.servers

# Django's own tests of files and static files, with our storages in the place of the disk.
test-django: .venv/.installed-dev
	.venv/bin/python -m tools.django_tests

# Sites under load for MINUTES each: no error, and no growth of memory, threads and open files.
soak: .venv/.installed-soak
	.venv/bin/python -m tests.soak $(if $(MINUTES),--minutes $(MINUTES))

# Every operation under every fault at each of its requests, and killed there; writes
# docs/explanation/faults.md.
faults: .venv/.installed-dev
	CLUSTER=1 ALL_KILLS=1 .venv/bin/python -m pytest -q tests/faults/test_machines.py \
		tests/faults/test_kills.py
	.venv/bin/python -W ignore -m tests.faults

# The documentation, in docs/_build/html. A warning, such as of a link that leads nowhere, is an error.
docs: .venv/.installed-docs
	.venv/bin/sphinx-build -W --keep-going -n -q -E -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# The links to other sites; needs the network.
docs-links: .venv/.installed-docs
	.venv/bin/sphinx-build -q -b linkcheck docs docs/_build/linkcheck

# The source distribution and the wheel, in dist/, as the package index takes them.
dist: .venv/.installed-dist
	rm -rf dist
	.venv/bin/python -m build
	.venv/bin/python -m twine check --strict dist/*

clean:
	rm -rf .venv .nox dist docs/_build .coverage .mypy_cache .pytest_cache .ruff_cache

# pip 25.1 is the first one that reads dependency groups.
.venv/.installed: pyproject.toml Makefile
	"$$(tools/find_python.sh)" -m venv .venv
	$(PIP) 'pip>=25.1'
	$(PIP) --editable . django-cleanup openpyxl
	touch $@

.venv/.installed-%: .venv/.installed
	$(PIP) --group $*
	touch $@
