.PHONY: quickstart test test-all coverage check format wheel

quickstart:
	./scripts/quickstart.sh

test:
	./scripts/test.sh

test-all:
	./scripts/test.sh -m "slow or not slow"

coverage:
	./scripts/test.sh --coverage

check:
	ruff check . && ruff format --check . && mypy

format:
	ruff format . && ruff check --fix .

wheel:
	./scripts/check_wheel.sh
