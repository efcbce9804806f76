"""The exit codes of the command line."""

from __future__ import annotations

from aurora_dev.errors import (
    AuroraError,
    ConfigurationError,
    EmbeddingError,
    InvalidRequestError,
    MissingDependencyError,
    ModelLoadError,
    RerankError,
)

EXIT_OK = 0
EXIT_NOTHING_FOUND = 1
EXIT_USAGE = 2  # also what argument parsers use
EXIT_STORE = 3
EXIT_MODEL = 4
EXIT_BELOW = 5
EXIT_PROBLEMS = 6
EXIT_INTERNAL = 70  # EX_SOFTWARE of sysexits.h
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as shells report it

EXIT_CODES = (
    (EXIT_OK, "done"),
    (EXIT_NOTHING_FOUND, "search: nothing was found, or nothing that matches well"),
    (EXIT_USAGE, "the request or a setting is wrong"),
    (EXIT_STORE, "a problem with the store, the index or the project's files"),
    (EXIT_MODEL, "a model or a dependency is missing or failed"),
    (EXIT_BELOW, "eval: a figure is below a threshold of --min"),
    (EXIT_PROBLEMS, "doctor: there is a problem"),
    (EXIT_INTERNAL, "a defect in Aurora"),
    (EXIT_INTERRUPTED, "interrupted"),
)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code for an error."""
    if isinstance(error, MissingDependencyError | ModelLoadError | EmbeddingError | RerankError):
        return EXIT_MODEL
    if isinstance(error, InvalidRequestError | ConfigurationError):
        return EXIT_USAGE
    # OSErrors come from the streams (`> file` on a full disk) and from the project's files.
    return EXIT_STORE if isinstance(error, AuroraError | OSError) else EXIT_INTERNAL
