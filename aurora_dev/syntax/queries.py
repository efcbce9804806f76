"""What counts as a definition, per language: tree-sitter queries in one dialect.

Each pattern captures ``@name`` and, under the name of its kind (``@function``, ``@class`` …), the node that is defined.
Beside these:

- ``@scope``: text that qualifies the name in place of the enclosing definition (a Go receiver, ``app`` of ``app.use``).
- ``@value``: what a constant is set to; imports in disguise (``require(…)``) are left out by it.
- ``@tail``: a node that follows and belongs to the definition (a Dart body).
- ``@wrap`` around ``@inner``: the definition ``@inner`` begins where ``@wrap`` does (decorators, C++ templates).
- ``@lead``: belongs to whatever begins on the line after it (Rust attributes, JavaScript decorators).
- ``@namespace`` is listed as a module but does not qualify names, as packages do not in Java; ``@impl`` qualifies
  names but defines none.
"""

from __future__ import annotations

_PYTHON = """
(class_definition name: (_) @name) @class
(function_definition name: (_) @name) @function
(decorated_definition definition: (_) @inner) @wrap
(module (assignment left: (identifier) @name) @constant)
(module (type_alias_statement left: (type (identifier) @name)) @type)
"""

_ECMASCRIPT = """
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

_JAVASCRIPT = (
    _ECMASCRIPT
    + """
(field_definition property: (_) @name value: [(arrow_function) (function_expression)]) @method
"""
)

_TYPESCRIPT = (
    _ECMASCRIPT
    + """
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
)

_GO = """
(function_declaration name: (_) @name) @function
(method_declaration receiver: (parameter_list (parameter_declaration type: (_) @scope)) name: (_) @name) @method
(source_file (type_declaration . (type_spec name: (_) @name type: (struct_type)) .) @struct)
(source_file (type_declaration . (type_spec name: (_) @name type: (interface_type)) .) @interface)
(source_file (type_declaration (type_spec name: (_) @name) @type))
(source_file (type_declaration (type_alias name: (_) @name) @type))
(source_file (const_declaration (const_spec name: (_) @name) @constant))
(source_file (var_declaration (var_spec name: (_) @name) @constant))
(source_file (var_declaration (var_spec_list (var_spec name: (_) @name) @constant)))
"""

_RUST = """
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
"""

_JAVA = """
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(annotation_type_declaration name: (_) @name) @interface
(enum_declaration name: (_) @name) @enum
(record_declaration name: (_) @name) @class
(method_declaration name: (_) @name) @method
(constructor_declaration name: (_) @name) @method
(compact_constructor_declaration name: (_) @name) @method
(field_declaration (modifiers "static" "final") declarator: (variable_declarator name: (_) @name)) @constant
"""

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

_CSHARP = """
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
"""

_RUBY = """
(module name: (_) @name) @module
(class name: (_) @name) @class
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(assignment left: (constant) @name) @constant
"""

_PHP = """
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(trait_declaration name: (_) @name) @trait
(enum_declaration name: (_) @name) @enum
(function_definition name: (_) @name) @function
(method_declaration name: (_) @name) @method
(const_declaration (const_element . (name) @name)) @constant
(namespace_definition name: (_) @name body: (_)) @namespace
"""

_KOTLIN = """
(class_declaration (type_identifier) @name) @class
(object_declaration (type_identifier) @name) @class
(function_declaration (simple_identifier) @name) @function
(type_alias . (type_identifier) @name) @type
(source_file (property_declaration (variable_declaration (simple_identifier) @name)) @constant)
"""

_SWIFT = """
(class_declaration name: (type_identifier) @name) @class
(class_declaration name: (user_type) @name) @impl
(protocol_declaration name: (_) @name) @interface
(function_declaration name: (simple_identifier) @name) @function
(protocol_function_declaration name: (simple_identifier) @name) @function
(init_declaration "init" @name) @method
(typealias_declaration . name: (type_identifier) @name) @type
(source_file (property_declaration name: (pattern bound_identifier: (_) @name)) @constant)
"""

_SCALA = """
(class_definition name: (_) @name) @class
(object_definition name: (_) @name) @class
(trait_definition name: (_) @name) @trait
(enum_definition name: (_) @name) @enum
(function_definition name: (_) @name) @function
(function_declaration name: (_) @name) @function
(type_definition name: (_) @name) @type
(given_definition name: (_) @name) @constant
(template_body (val_definition pattern: (identifier) @name) @constant)
"""

_LUA = """
(function_declaration name: (_) @name) @function
(assignment_statement (variable_list name: (_) @name) (expression_list value: (function_definition))) @function
(field name: (identifier) @name value: (function_definition)) @method
(chunk (variable_declaration (assignment_statement (variable_list name: (identifier) @name)
  (expression_list value: (_) @value))) @constant)
"""

_BASH = """
(function_definition name: (_) @name) @function
(program (variable_assignment name: (variable_name) @name) @constant)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @constant)
"""

_ELIXIR = """
(call target: (identifier) @_k (arguments . (alias) @name)
  (#any-of? @_k "defmodule" "defprotocol")) @module
(call target: (identifier) @_k (arguments . (alias) @name) (#eq? @_k "defimpl")) @impl
(call target: (identifier) @_k (arguments . [(identifier) @name (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name))])
  (#any-of? @_k "def" "defp" "defmacro" "defmacrop" "defguard" "defdelegate")) @function
(unary_operator operand: (call target: (identifier) @_a (#any-of? @_a "doc" "spec" "impl"))) @lead
"""

_HASKELL = """
(declarations (signature name: (_) @name) @function)
(function name: (_) @name) @function
(declarations (bind name: (_) @name) @function)
(data_type name: (_) @name) @type
(newtype name: (_) @name) @type
(type_synomym name: (_) @name) @type
(class name: (_) @name) @class
(class_declarations (signature name: (_) @name) @function)
(instance name: (_) @name) @impl
"""

_DART = """
(class_definition name: (_) @name) @class
(mixin_declaration (identifier) @name) @class
(extension_declaration name: (_) @name) @class
(enum_declaration name: (_) @name) @enum
(type_alias . (type_identifier) @name) @type
((method_signature [(function_signature name: (_) @name) (getter_signature name: (_) @name)
  (setter_signature name: (_) @name)]) @method . (function_body) @tail)
(declaration (function_signature name: (_) @name)) @method
(program (function_signature name: (_) @name) @function . (function_body) @tail)
"""

_ZIG = """
(Decl (FnProto function: (IDENTIFIER) @name) (Block)) @function
(Decl (VarDecl variable_type_function: (IDENTIFIER) @name (ErrorUnionExpr (SuffixExpr (ContainerDecl))))) @struct
(source_file (Decl (VarDecl variable_type_function: (IDENTIFIER) @name (_) @value)) @constant)
(TestDecl (STRINGLITERALSINGLE) @name) @function
"""

_SQL = """
(statement (create_table (object_reference name: (_) @name))) @table
(statement (create_view . (keyword_create) (object_reference name: (_) @name))) @view
(statement (create_function (object_reference name: (_) @name))) @function
(statement (create_type (object_reference name: (_) @name))) @type
(statement (create_trigger . (keyword_create) (keyword_trigger) . (object_reference name: (_) @name))) @function
"""

_R = """
(binary_operator lhs: (identifier) @name rhs: (function_definition)) @function
"""

_JULIA = """
(module_definition name: (_) @name) @module
(function_definition (signature (call_expression . (identifier) @name))) @function
(function_definition (signature (typed_expression (call_expression . (identifier) @name)))) @function
(function_definition (signature (where_expression (call_expression . (identifier) @name)))) @function
(assignment . (call_expression . (identifier) @name)) @function
(macro_definition (signature (call_expression . (identifier) @name))) @macro
(struct_definition (type_head (identifier) @name)) @struct
(abstract_definition (type_head (identifier) @name)) @type
(const_statement (assignment . (identifier) @name)) @constant
"""

_PERL = """
(package_statement name: (_) @name (block)) @module
(subroutine_declaration_statement name: (_) @name) @function
"""

_OCAML = """
(module_definition (module_binding (module_name) @name)) @module
(value_definition (let_binding pattern: (value_name) @name)) @function
(type_definition (type_binding name: (_) @name)) @type
(class_definition (class_binding (class_name) @name)) @class
(method_definition (method_name) @name) @method
"""

_ERLANG = """
(fun_decl clause: (function_clause name: (atom) @name)) @function
(record_decl name: (_) @name) @struct
"""

_OBJC = (
    _C
    + """
(class_interface . (identifier) @name) @interface
(class_implementation . (identifier) @name) @class
(protocol_declaration . (identifier) @name) @interface
(method_definition (identifier) @name) @method
"""
)

_SOLIDITY = """
(contract_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(library_declaration name: (_) @name) @class
(struct_declaration name: (_) @name) @struct
(enum_declaration name: (_) @name) @enum
(function_definition name: (_) @name) @function
(modifier_definition name: (_) @name) @function
(event_definition name: (_) @name) @type
"""

_PROTO = """
(message (message_name) @name) @class
(enum (enum_name) @name) @enum
(service (service_name) @name) @interface
(rpc (rpc_name) @name) @method
"""

_GRAPHQL = """
(object_type_definition (name) @name) @type
(interface_type_definition (name) @name) @interface
(enum_type_definition (name) @name) @enum
(input_object_type_definition (name) @name) @type
(scalar_type_definition (name) @name) @type
(union_type_definition (name) @name) @type
(operation_definition (name) @name) @function
(fragment_definition (fragment_name) @name) @type
"""

_HCL = """
(body (block . (identifier) (string_lit) @scope . (string_lit) @name) @constant)
(body (block . (identifier) . (string_lit) @name . (block_start)) @constant)
"""

_MAKE = """
(rule (targets (word) @name)) @target
(makefile (variable_assignment name: (_) @name) @constant)
"""

_POWERSHELL = """
(function_statement (function_name) @name) @function
(class_statement . (simple_name) @name) @class
(class_method_definition (simple_name) @name) @method
"""

QUERIES: dict[str, str] = {
    "bash": _BASH,
    "c": _C,
    "cpp": _CPP,
    "csharp": _CSHARP,
    "cuda": _CPP,
    "dart": _DART,
    "elixir": _ELIXIR,
    "erlang": _ERLANG,
    "go": _GO,
    "graphql": _GRAPHQL,
    "haskell": _HASKELL,
    "hcl": _HCL,
    "java": _JAVA,
    "javascript": _JAVASCRIPT,
    "julia": _JULIA,
    "kotlin": _KOTLIN,
    "lua": _LUA,
    "make": _MAKE,
    "objc": _OBJC,
    "ocaml": _OCAML,
    "perl": _PERL,
    "php": _PHP,
    "powershell": _POWERSHELL,
    "proto": _PROTO,
    "python": _PYTHON,
    "r": _R,
    "ruby": _RUBY,
    "rust": _RUST,
    "scala": _SCALA,
    "solidity": _SOLIDITY,
    "sql": _SQL,
    "swift": _SWIFT,
    "terraform": _HCL,
    "tsx": _TYPESCRIPT,
    "typescript": _TYPESCRIPT,
    "zig": _ZIG,
}

_HASH = (b"#",)
_SLASHES = (b"//",)
_DASHES = (b"--",)

# What a comment (or a one-line annotation) begins with: such lines directly above a definition belong to it.
# Languages with "//" also have /* … */, which is handled by its end.
COMMENTS: dict[str, tuple[bytes, ...]] = {
    "bash": _HASH,
    "dart": (b"//", b"@"),
    "elixir": (b"#", b"@doc ", b"@spec ", b"@impl "),
    "erlang": (b"%", b"-spec", b"-doc"),
    "graphql": _HASH,
    "haskell": (b"--", b"{-#"),
    "hcl": (b"#", b"//"),
    "julia": _HASH,
    "lua": _DASHES,
    "make": (b"#", b".PHONY"),
    "perl": _HASH,
    "php": (b"//", b"#"),
    "powershell": _HASH,
    "python": _HASH,
    "r": _HASH,
    "ruby": _HASH,
    "sql": _DASHES,
    "terraform": (b"#", b"//"),
}
DEFAULT_COMMENTS = _SLASHES
