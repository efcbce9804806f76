"""Compiled languages of no larger family, shaders and hardware descriptions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aurora_dev.syntax.languages.declaration import (
    Comments,
    FoundName,
    Import,
    Language,
    import_pattern,
    last_word_of_impl,
    without_aliases,
    words_of,
)


def _go_name_rule(found: FoundName) -> FoundName:
    """Qualify a method by the type of its receiver: ``Server`` for ``(s *Server)``."""
    word = re.search(r"\w+", found.scope)
    return found._replace(scope=word.group() if word else "")


def _go_imports(source: str) -> Iterator[Import]:
    for match in re.finditer(r"^import\s*\(([^)]{0,8000})\)|^import\s+([^\n(]+)$", source, re.MULTILINE):
        for module in re.findall(r'"([^"\n]+)"', match[1] or match[2]):
            yield Import(module)


_RUST_USE = (
    r"^[ \t]*(?:pub(?:\([^)\n]{0,200}\))?\s+)?(?:use\s+(?P<path>[\w:]+?)"
    r"(?:::(?P<last>\w+)|::\{(?P<names>[^;]{0,4000})\}|::\*)?"
    r"(?:\s+as\s+\w+)?\s*;|mod\s+(?P<mod>\w+)\s*;)"
)


def _rust_imports(source: str) -> Iterator[Import]:
    for match in re.finditer(_RUST_USE, source, re.MULTILINE):
        if match["mod"]:
            yield Import(f"self::{match['mod']}")
        elif match["names"]:
            yield Import(match["path"], words_of(without_aliases(match["names"])))
        else:
            yield Import(match["path"], (match["last"],) if match["last"] else ())


LANGUAGES = (
    Language("d", suffixes="d"),
    Language(
        "dart",
        suffixes="dart",
        definitions="""
(class_definition name: (_) @name) @class
(mixin_declaration (identifier) @name) @class
(extension_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @enum
(type_alias . (type_identifier) @name) @type
((method_signature [(function_signature name: (_) @name) (getter_signature name: (_) @name)
  (setter_signature name: (_) @name)]) @method . (function_body) @tail)
(declaration (function_signature name: (_) @name)) @method
(program (function_signature name: (_) @name) @function . (function_body) @tail)
""",
        comments=Comments((b"//", b"@")),
        imports=import_pattern(
            r"^[ \t]*(?:import|export|part)\s+['\"](?P<module>[^'\"\n]+)['\"](?:\s+show\s+(?P<names>[\w, ]+))?"
        ),
    ),
    Language("fortran", suffixes="f f90 f95 f03 f08 for"),
    Language("glsl", suffixes="glsl vert frag geom comp"),
    Language(
        "go",
        suffixes="go",
        definitions="""
(function_declaration name: (_) @name) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @scope)) name: (_) @name) @method
(source_file (type_declaration . (type_spec name: (_) @name type: (struct_type)) .) @struct)
(source_file (type_declaration . (type_spec name: (_) @name type: (interface_type)) .) @interface)
(source_file (type_declaration (type_spec name: (_) @name) @type))
(source_file (type_declaration (type_alias name: (_) @name) @type))
(source_file (const_declaration (const_spec name: (_) @name) @constant))
(source_file (var_declaration (var_spec name: (_) @name) @constant))
(source_file (var_declaration (var_spec_list (var_spec name: (_) @name) @constant)))
""",
        name_rule=_go_name_rule,
        imports=_go_imports,
    ),
    Language("hlsl", suffixes="hlsl"),
    Language("nim", suffixes="nim nims"),
    Language("odin", suffixes="odin"),
    Language("pascal", suffixes="pas pp dpr"),
    Language(
        "rust",
        suffixes="rs",
        definitions="""
(struct_item name: (_) @name) @struct
(union_item name: (_) @name) @struct
(enum_item name: (_) @name) @enum
(trait_item name: (_) @name) @trait
(impl_item type: (_) @name) @impl
(mod_item name: (_) @name body: (_)) @module
(function_item name: (_) @name) @function
(function_signature_item name: (_) @name) @function
(macro_definition name: (_) @name) @macro
(type_item name: (_) @name) @type
(source_file [(const_item name: (_) @name) (static_item name: (_) @name)] @constant)
(declaration_list [(const_item name: (_) @name) (static_item name: (_) @name)] @constant)
(attribute_item) @lead
""",
        name_rule=last_word_of_impl,
        imports=_rust_imports,
    ),
    Language(
        "solidity",
        suffixes="sol",
        definitions="""
(contract_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(library_declaration name: (_) @name) @class
(struct_declaration name: (_) @name) @struct
(enum_declaration name: (_) @name) @enum
(function_definition name: (_) @name) @function
(modifier_definition name: (_) @name) @function
(event_definition name: (_) @name) @type
""",
    ),
    Language(
        "swift",
        suffixes="swift",
        interpreters="swift",
        definitions="""
(class_declaration name: (type_identifier) @name) @class
(class_declaration name: (user_type) @name) @impl
(protocol_declaration name: (_) @name) @interface
(function_declaration name: (simple_identifier) @name) @function
(protocol_function_declaration name: (simple_identifier) @name) @function
(init_declaration "init" @name) @method
(typealias_declaration . name: (type_identifier) @name) @type
(source_file (property_declaration name: (pattern bound_identifier: (_) @name)) @constant)
""",
        name_rule=last_word_of_impl,
        imports=import_pattern(r"^[ \t]*(?:@\w+\s+)?import\s+(?:\w+\s+)?(?P<module>[\w.]+)"),
    ),
    Language("v", suffixes="vsh"),
    Language("verilog", suffixes="v sv svh vh"),
    Language("vhdl", suffixes="vhd vhdl"),
    Language("wgsl", suffixes="wgsl"),
    Language(
        "zig",
        suffixes="zig zon",
        definitions="""
(Decl (FnProto function: (IDENTIFIER) @name) (Block)) @function
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name (ErrorUnionExpr (SuffixExpr (ContainerDecl))))) @struct
(source_file (Decl (VarDecl variable_type_function: (IDENTIFIER) @name (_) @value)) @constant)
(TestDecl (STRINGLITERALSINGLE) @name) @function
""",
        depth=12,
        imports=import_pattern(r"@import\(\s*\"(?P<module>[^\"\n]+)\"\s*\)"),
    ),
)
