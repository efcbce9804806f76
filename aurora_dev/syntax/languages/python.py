"""Python."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aurora_dev.syntax.languages.declaration import HASH_COMMENTS, Import, Language, without_aliases, words_of

_IMPORT = (
    r"^[ \t]*(?:from[ \t]+(?P<module>[\w.]+)[ \t]+import[ \t]*(?:\((?P<block>[^)]{0,8000})\)|(?P<names>[^\n#;]+))"
    r"|import[ \t]+(?P<plain>[\w., \t]+))"
)


def _imports(source: str) -> Iterator[Import]:
    for match in re.finditer(_IMPORT, source, re.MULTILINE):
        if match["plain"] is not None:
            for part in match["plain"].split(","):
                module = part.split(" as ")[0].strip()
                if module:
                    yield Import(module)
            continue
        listed = re.sub(r"(?:#|//)[^\n]*", "", match["block"] if match["block"] is not None else match["names"])
        if "*" in listed:
            yield Import(match["module"], ("*",))
        else:
            yield Import(match["module"], words_of(without_aliases(listed)))


LANGUAGES = (
    Language(
        "python",
        suffixes="py pyi pyw pyx pxd",
        file_names="sconstruct sconscript wscript",
        interpreters="python pypy uv",
        definitions="""
(class_definition name: (_) @name) @class
(function_definition name: (_) @name) @function
(decorated_definition definition: (_) @inner) @wrap
(module (assignment left: (identifier) @name) @constant)
(module (type_alias_statement left: (type (identifier) @name)) @type)
""",
        depth=6,  # a method is at 5 even if class and method are decorated and the class is in an `if`
        comments=HASH_COMMENTS,
        imports=_imports,
    ),
)
