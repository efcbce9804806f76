"""Languages of .NET."""

from __future__ import annotations

from aurora_dev.syntax.languages.declaration import Comments, Language, import_pattern

LANGUAGES = (
    Language(
        "csharp",
        suffixes="cs csx",
        definitions="""
(class_declaration name: (_) @name) @class
(record_declaration name: (_) @name) @class
(struct_declaration name: (_) @name) @struct
(interface_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(delegate_declaration name: (_) @name) @type
(method_declaration name: (_) @name) @method
(constructor_declaration name: (_) @name) @method
(local_function_statement name: (_) @name) @function
(property_declaration name: (_) @name) @property
(field_declaration (modifier) @_m (variable_declaration (variable_declarator name: (_) @name))
  (#eq? @_m "const")) @constant
(namespace_declaration name: (_) @name) @namespace
""",
        depth=12,  # namespaces enclose everything
        imports=import_pattern(r"^[ \t]*(?:global\s+)?using\s+(?:static\s+)?(?:\w+\s*=\s*)?(?P<module>[\w.]+)\s*;"),
    ),
    Language("fsharp", suffixes="fs fsx"),
    Language(
        "powershell",
        suffixes="ps1 psm1 psd1",
        interpreters="pwsh",
        definitions="""
(function_statement (function_name) @name) @function
(class_statement . (simple_name) @name) @class
(class_method_definition (simple_name) @name) @method
""",
        comments=Comments((b"#",), ((b"<#", b"#>"),)),
    ),
)
