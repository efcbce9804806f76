"""Languages of queries, schemas, infrastructure and builds."""

from __future__ import annotations

from aurora_dev.syntax.languages.declaration import Comments, FoundName, Language, import_pattern

_HCL = """
(body (block . (identifier) (string_lit) @scope . (string_lit) @name) @constant)
(body (block . (identifier) . (string_lit) @name . (block_start)) @constant)
"""
_HCL_COMMENTS = Comments((b"#", b"//"))


def _make_name_rule(found: FoundName) -> FoundName | None:
    """Drop ``.PHONY`` and the like: they are instructions to make."""
    return None if found.name.startswith(".") else found


LANGUAGES = (
    Language("bicep", suffixes="bicep"),
    Language("cmake", suffixes="cmake", file_names="cmakelists.txt"),
    Language(
        "dockerfile",
        suffixes="dockerfile containerfile",
        file_names="dockerfile containerfile",
        file_name_prefixes="dockerfile containerfile",
    ),
    Language(
        "graphql",
        suffixes="graphql gql graphqls",
        definitions="""
(object_type_definition (name) @name) @type
(interface_type_definition (name) @name) @interface
(enum_type_definition (name) @name) @enum
(input_object_type_definition (name) @name) @type
(scalar_type_definition (name) @name) @type
(union_type_definition (name) @name) @type
(operation_definition (name) @name) @function
(fragment_definition (fragment_name) @name) @type
""",
        comments=Comments((b"#",), ((b'"""', b'"""'),)),
    ),
    Language("hcl", suffixes="hcl nomad", definitions=_HCL, comments=_HCL_COMMENTS),
    Language("jsonnet", suffixes="jsonnet libsonnet"),
    Language(
        "make",
        suffixes="mk mak make",
        file_names="makefile gnumakefile bsdmakefile",
        file_name_prefixes="makefile",
        interpreters="make",
        definitions="""
(rule (targets (word) @name)) @target
(makefile (variable_assignment name: (_) @name) @constant)
""",
        name_rule=_make_name_rule,
        comments=Comments((b"#", b".PHONY"), ()),
    ),
    Language("meson", suffixes="meson", file_names="meson.build meson_options.txt"),
    Language("nix", suffixes="nix"),
    Language("prisma", suffixes="prisma"),
    Language(
        "proto",
        suffixes="proto",
        definitions="""
(message (message_name) @name) @class
(enum (enum_name) @name) @enum
(service (service_name) @name) @interface
(rpc (rpc_name) @name) @method
""",
        imports=import_pattern(r"^[ \t]*import\s+(?:public\s+)?\"(?P<module>[^\"\n]+)\""),
    ),
    Language("rego", suffixes="rego"),
    Language("smithy", suffixes="smithy"),
    Language(
        "sql",
        suffixes="sql ddl dml",
        definitions="""
(statement (create_table (object_reference name: (_) @name))) @table
(statement (create_view . (keyword_create) (object_reference name: (_) @name))) @view
(statement (create_function (object_reference name: (_) @name))) @function
(statement (create_type (object_reference name: (_) @name))) @type
(statement (create_trigger . (keyword_create) (keyword_trigger) . (object_reference name: (_) @name))) @function
""",
        comments=Comments((b"--",)),
    ),
    Language("starlark", suffixes="bzl star bazel", file_names="build workspace tiltfile"),
    Language("terraform", suffixes="tf tfvars", definitions=_HCL, comments=_HCL_COMMENTS),
    Language("thrift", suffixes="thrift"),
)
