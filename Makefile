.PHONY: quickstart test test-all check format

quickstart:
	./scripts/quickstart.sh

test:
	./scripts/test.sh

test-all:
	./scripts/test.sh -m "slow or not slow"

check:
	ruff check . && ruff format --check . && mypy

format:
	ruff format . && ruff check --fix .
