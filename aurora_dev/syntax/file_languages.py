"""The language of a file, from its name or its ``#!`` line."""

from __future__ import annotations

from aurora_dev.lazy import lazy_pattern
from aurora_dev.syntax.languages import LANGUAGES

_BY_SUFFIX = {suffix: language.name for language in LANGUAGES.values() for suffix in language.suffixes.split()}
_BY_FILE_NAME = {name: language.name for language in LANGUAGES.values() for name in language.file_names.split()}
_BY_PREFIX = {
    prefix: language.name for language in LANGUAGES.values() for prefix in language.file_name_prefixes.split()
}
_BY_INTERPRETER = {
    program: language.name for language in LANGUAGES.values() for program in language.interpreters.split()
}
_BY_USUAL_NAME = {
    usual: name
    for usual, name in {
        "c#": "csharp",
        "c++": "cpp",
        "f#": "fsharp",
        "golang": "go",
        "objectivec": "objc",
        "shell": "bash",
        "shellscript": "bash",
        "typescriptreact": "tsx",
        "javascriptreact": "javascript",
    }.items()
    if name in LANGUAGES
}
_VERSION = lazy_pattern(r"(?<![\d.])[\d.]+$")


def language_of(path: str, first_line: str = "") -> str | None:
    r"""Return the language of a file, by its name or, if the name does not tell, by its ``#!`` line.

    Args:
        path: Any path; only the last part counts, ignoring case. ``/`` and ``\`` both separate.
        first_line: The first line of the file, for scripts without a suffix.

    Returns:
        The name of the language in tree-sitter-language-pack (``python``, ``tsx``, ``csharp`` …), or ``None``. Not
        every language has definitions; see `supported_languages`.
    """
    name = path.replace("\\", "/").rpartition("/")[2].lower()
    known = _BY_FILE_NAME.get(name)
    if known is not None:
        return known
    stem, dot, suffix = name.rpartition(".")
    if dot and stem:
        known = _BY_SUFFIX.get(suffix)
        if known is not None:
            return known
    prefix, dot, _ = name.partition(".")
    if dot and prefix in _BY_PREFIX:
        return _BY_PREFIX[prefix]
    return _language_of_shebang(first_line)


def language_named(name: str) -> str | None:
    """Return the language that people call so: by its name, a suffix (``js``), a program (``node``) or a usual name.

    Args:
        name: In upper or lower case, with or without a leading dot.

    Returns:
        As `language_of`.
    """
    plain = name.strip().lower().removeprefix(".")
    if plain in LANGUAGES:
        return plain
    joined = plain.replace(" ", "").replace("-", "").replace("_", "")
    if joined in LANGUAGES:
        return joined
    return _BY_USUAL_NAME.get(joined) or _BY_SUFFIX.get(plain) or _BY_INTERPRETER.get(_VERSION.sub("", plain))


def usual_language_names() -> tuple[str, ...]:
    """Return every name that `language_named` knows, without suffixes and programs."""
    return tuple(dict.fromkeys((*LANGUAGES, *_BY_USUAL_NAME)))


def prose_suffixes() -> frozenset[str]:
    """Return the suffixes, without the dot, of files that hold prose."""
    return frozenset(suffix for language in LANGUAGES.values() for suffix in language.prose_suffixes.split())


def prose_languages() -> frozenset[str]:
    """Return the names of the languages of prose."""
    return frozenset(language.name for language in LANGUAGES.values() if language.prose_suffixes)


def holds_data(language: str) -> bool:
    """Return whether files in a language hold data rather than code."""
    return language in LANGUAGES and LANGUAGES[language].data


def _language_of_shebang(line: str) -> str | None:
    line = line.lstrip("\ufeff")
    if not line.startswith("#!"):
        return None
    # "#!/usr/bin/env -S VAR=1 python3.12 -u": the program is the first word that is not env, an option or a variable.
    for word in line[2:].split():
        program = word.rpartition("/")[2].lower()
        if program == "env" or word.startswith("-") or "=" in word:
            continue
        program = program.removesuffix(".exe")
        return _BY_INTERPRETER.get(program) or _BY_INTERPRETER.get(_VERSION.sub("", program))
    return None
