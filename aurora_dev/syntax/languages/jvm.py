"""Languages of the Java virtual machine."""

from __future__ import annotations

from aurora_dev.syntax.languages.declaration import Language, import_pattern

_IMPORTS = import_pattern(
    r"^[ \t]*import\s+(?:static\s+)?(?P<module>\w+(?:\.\w+)*(?:\.\*)?)(?:\.\{(?P<names>[^}]*)\})?"
)

LANGUAGES = (
    Language("clojure", suffixes="clj cljs cljc edn"),
    Language(
        "groovy",
        suffixes="groovy gradle gvy",
        file_names="jenkinsfile",
        interpreters="groovy",
        imports=_IMPORTS,
    ),
    Language(
        "java",
        suffixes="java",
        definitions="""
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(annotation_type_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(record_declaration name: (_) @name) @class
(method_declaration name: (_) @name) @method
(constructor_declaration name: (_) @name) @method
(compact_constructor_declaration name: (_) @name) @method
(field_declaration (modifiers "static" "final") declarator: (variable_declarator name: (_) @name)) @constant
""",
        imports=_IMPORTS,
    ),
    Language(
        "kotlin",
        suffixes="kt kts",
        definitions="""
(class_declaration (type_identifier) @name) @class
(object_declaration (type_identifier) @name) @class
(function_declaration (simple_identifier) @name) @function
(type_alias . (type_identifier) @name) @type
(source_file (property_declaration (variable_declaration (simple_identifier) @name)) @constant)
""",
        imports=_IMPORTS,
    ),
    Language(
        "scala",
        suffixes="scala sc sbt",
        interpreters="scala",
        definitions="""
(class_definition name: (_) @name) @class
(object_definition name: (_) @name) @class
(trait_definition name: (_) @name) @trait
(enum_definition name: (_) @name) @enum
(function_definition name: (_) @name) @function
(function_declaration name: (_) @name) @function
(type_definition name: (_) @name) @type
(given_definition name: (_) @name) @constant
(template_body (val_definition pattern: (identifier) @name) @constant)
""",
        imports=_IMPORTS,
    ),
)
