"""JavaScript, TypeScript, and the component files that contain them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aurora_dev.syntax.languages.declaration import FoundName, Import, Language, without_aliases, words_of

_DEFINITIONS = """
(class_declaration name: (_) @name) @class
(class name: (_) @name) @class
(function_declaration name: (_) @name) @function
(generator_function_declaration name: (_) @name) @function
(function_expression name: (_) @name) @function
(method_definition name: (_) @name) @method
(variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)]) @function
(pair key: (_) @name value: [(arrow_function) (function_expression) (generator_function)]) @method
(assignment_expression left: (identifier) @name right: [(arrow_function) (function_expression)]) @function
(assignment_expression left: (member_expression object: (_) @scope property: (_) @name)
  right: [(arrow_function) (function_expression) (generator_function)]) @function
(assignment_expression left: (member_expression object: (_) @scope property: (_) @name) right: (class)) @class
(assignment_expression left: (member_expression object: (_) @scope property: (_) @name)
  right: (assignment_expression right: [(arrow_function) (function_expression) (generator_function)])) @function
(program (expression_statement (assignment_expression
  left: (member_expression object: (identifier) @scope property: (_) @name) right: (_) @value)
  (#eq? @scope "exports")) @constant)
(program (lexical_declaration (variable_declarator name: (identifier) @name value: (_) @value) @constant))
(program (variable_declaration (variable_declarator name: (identifier) @name value: (_) @value) @constant))
(program (export_statement
  declaration: (lexical_declaration (variable_declarator name: (identifier) @name value: (_) @value) @constant)))
(export_statement decorator: (_) declaration: (_) @inner) @wrap
"""
_IMPORT = (
    r"""(?:^|[;}\s])(?:import|export)[ \t]+(?:type[ \t]+)?(?P<what>(?![ \t])[^\n{"';]{0,200}(?:\{[^}]{0,2000}\})?)"""
    r"""[ \t\r\n]{0,200}from[ \t]*["'](?P<from>[^"'\n]+)["']"""
    r"""|^[ \t]*import\s*["'](?P<bare>[^"'\n]+)["']"""
    r"""|(?:(?:const|let|var)[ \t]+(?P<bound>[\w$]+|\{[^}]{0,2000}\})[ \t]*=[ \t]*)?"""
    r"""(?:\brequire|\bimport)[ \t]*\([ \t]*["'](?P<call>[^"'\n]+)["']\s*\)"""
)
_EXPORTS = frozenset({"exports", "module.exports", "this", "self", "module", "globalThis", "window"})
# Anything may contain anything (`x = factory("X", () => { a.b = …`), and many files are full of callbacks: a shallow
# search of the file and a second one of its large nodes take half the time, measured on zod and axios.
_DEPTH = 5
_DEPTH_IN_LARGE_NODES = 6


def _name_rule(found: FoundName) -> FoundName | None:
    name, scope, kind = found
    if scope == "module" and name == "exports":
        return None
    if scope.endswith(".prototype"):
        scope, kind = scope.removesuffix(".prototype"), "method"
    if scope in _EXPORTS or not re.fullmatch(r"[\w$]+(?:\.[\w$]+)*", scope):
        scope = ""
    for receiver in ("exports.", "module.exports.", "this."):
        scope = scope.removeprefix(receiver)
    return FoundName(name, scope, kind)


def _imports(source: str) -> Iterator[Import]:
    for match in re.finditer(_IMPORT, source, re.MULTILINE):
        if match["bare"] is not None:
            yield Import(match["bare"])
        elif match["call"] is not None:
            bound = match["bound"] or ""
            names = words_of(re.sub(r":\s*[\w$]+", "", bound)) if bound.startswith("{") else ()
            yield Import(match["call"], names)
        else:
            what = match["what"]
            braces = re.search(r"\{([^{}]*)\}", what)
            names = words_of(without_aliases(braces[1].replace("type ", ""))) if braces else ()
            yield Import(match["from"], names or (("*",) if "*" in what else ()))


def _ecmascript(name: str, suffixes: str, definitions: str, interpreters: str = "") -> Language:
    return Language(
        name,
        suffixes=suffixes,
        interpreters=interpreters,
        definitions=_DEFINITIONS + definitions,
        depth=_DEPTH,
        depth_in_large_nodes=_DEPTH_IN_LARGE_NODES,
        name_rule=_name_rule,
        chained_assignments=True,
        imports=_imports,
    )


_TYPESCRIPT = """

(abstract_class_declaration name: (_) @name) @class
(class_body (decorator) @lead)
(interface_declaration name: (_) @name) @interface
(type_alias_declaration name: (_) @name) @type
(enum_declaration name: (_) @name) @enum
(internal_module name: (_) @name) @module
(function_signature name: (_) @name) @function
(abstract_method_signature name: (_) @name) @method
(class_body (method_signature name: (_) @name) @method)
(public_field_definition name: (_) @name value: [(arrow_function) (function_expression)]) @method
"""

LANGUAGES = (
    _ecmascript(
        "javascript",
        suffixes="js mjs cjs jsx es6",
        interpreters="node nodejs",
        definitions="""

(field_definition property: (_) @name value: [(arrow_function) (function_expression)]) @method
""",
    ),
    _ecmascript("typescript", suffixes="ts mts cts", interpreters="bun deno ts-node tsx", definitions=_TYPESCRIPT),
    _ecmascript("tsx", suffixes="tsx", definitions=_TYPESCRIPT),
    Language("astro", suffixes="astro", imports=_imports),
    Language("html", suffixes="html htm xhtml", data=True, imports=_imports),
    Language("svelte", suffixes="svelte", imports=_imports),
    Language("vue", suffixes="vue", imports=_imports),
)
