"""C and the languages that extend it."""

from __future__ import annotations

from aurora_dev.syntax.languages.declaration import Language, import_pattern

_C = """
(function_definition declarator: (function_declarator declarator: (_) @name)) @function
(function_definition declarator: (pointer_declarator
  declarator: (function_declarator declarator: (_) @name))) @function
(function_definition declarator: (pointer_declarator declarator: (pointer_declarator
  declarator: (function_declarator declarator: (_) @name)))) @function
(struct_specifier name: (_) @name body: (_)) @struct
(union_specifier name: (_) @name body: (_)) @struct
(enum_specifier name: (_) @name body: (_)) @enum
(type_definition type: (struct_specifier body: (_)) declarator: (type_identifier) @name) @struct
(type_definition type: (union_specifier body: (_)) declarator: (type_identifier) @name) @struct
(type_definition type: (enum_specifier body: (_)) declarator: (type_identifier) @name) @enum
(type_definition type: [(type_identifier) (primitive_type) (sized_type_specifier)]
  declarator: (type_identifier) @name) @type
(preproc_function_def name: (_) @name) @macro
(preproc_def name: (_) @name value: (_)) @constant
(translation_unit (declaration (type_qualifier) declarator: (init_declarator declarator: (identifier) @name)) @constant)
"""
_CPP = (
    _C
    + """

(function_definition declarator: (reference_declarator (function_declarator declarator: (_) @name))) @function
(class_specifier name: (_) @name body: (_)) @class
(alias_declaration name: (_) @name) @type
(concept_definition name: (_) @name) @type
(namespace_definition name: (_) @name) @namespace
(template_declaration (_) @inner .) @wrap
"""
)
_DEPTH = 12  # namespaces and include guards enclose everything
_INCLUDES = import_pattern(r'^[ \t]*#\s*(?:include|import)\s*["<](?P<module>[^">\n]+)[">]')

LANGUAGES = (
    Language("c", suffixes="c h", definitions=_C, imports=_INCLUDES),
    Language(
        "cpp",
        suffixes="cc cpp cxx c++ hh hpp hxx h++ ipp inl tpp ino",
        definitions=_CPP,
        depth=_DEPTH,
        imports=_INCLUDES,
    ),
    Language("cuda", suffixes="cu cuh", definitions=_CPP, depth=_DEPTH, imports=_INCLUDES),
    Language(
        "objc",
        suffixes="m mm",
        definitions=_C
        + """

(class_interface . (identifier) @name) @interface
(class_implementation . (identifier) @name) @class
(protocol_declaration . (identifier) @name) @interface
(method_definition (identifier) @name) @method
""",
        depth=_DEPTH,
        imports=_INCLUDES,
    ),
)
