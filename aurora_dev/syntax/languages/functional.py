"""Functional languages."""

from __future__ import annotations

from aurora_dev.syntax.languages.declaration import Comments, Language, import_pattern, last_word_of_impl

LANGUAGES = (
    Language("commonlisp", suffixes="lisp lsp cl"),
    Language("elisp", suffixes="el"),
    Language(
        "elixir",
        suffixes="ex exs",
        interpreters="elixir",
        definitions="""
(call target: (identifier) @_k (arguments . (alias) @name)
  (#any-of? @_k "defmodule" "defprotocol")) @module
(call target: (identifier) @_k (arguments . (alias) @name) (#eq? @_k "defimpl")) @impl
(call target: (identifier) @_k (arguments . [(identifier) @name (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name))])
  (#any-of? @_k "def" "defp" "defmacro" "defmacrop" "defguard" "defdelegate")) @function
(unary_operator operand: (call target: (identifier) @_a (#any-of? @_a "doc" "spec" "impl"))) @lead
""",
        depth=12,
        comments=Comments((b"#", b"@doc ", b"@spec ", b"@impl "), ()),
        imports=import_pattern(
            r"^[ \t]*(?:alias|import|use|require)\s+(?P<module>[A-Z]\w*(?:\.\w+)*)(?:\.\{(?P<names>[^}]*)\})?"
        ),
    ),
    Language("elm", suffixes="elm"),
    Language(
        "erlang",
        suffixes="erl hrl",
        interpreters="escript",
        definitions="""
(fun_decl clause: (function_clause name: (atom) @name)) @function
(record_decl name: (_) @name) @struct
""",
        comments=Comments((b"%", b"-spec", b"-doc"), ()),
    ),
    Language("gleam", suffixes="gleam"),
    Language(
        "haskell",
        suffixes="hs",
        interpreters="runhaskell",
        definitions="""
(declarations (signature name: (_) @name) @function)
(function name: (_) @name) @function
(declarations (bind name: (_) @name) @function)
(data_type name: (_) @name) @type
(newtype name: (_) @name) @type
(type_synomym name: (_) @name) @type
(class name: (_) @name) @class
(class_declarations (signature name: (_) @name) @function)
(instance name: (_) @name) @impl
""",
        name_rule=last_word_of_impl,
        comments=Comments((b"--", b"{-#"), ((b"{-", b"-}"),)),
        imports=import_pattern(
            r"^[ \t]*import\s+(?:qualified\s+)?(?P<module>[A-Z][\w.]*)(?:[^(\n]*\((?P<names>[^)\n]*)\))?"
        ),
    ),
    Language("heex", suffixes="heex"),
    Language(
        "ocaml",
        suffixes="ml",
        definitions="""
(module_definition (module_binding (module_name) @name)) @module
(value_definition (let_binding pattern: (value_name) @name)) @function
(type_definition (type_binding name: (_) @name)) @type
(class_definition (class_binding (class_name) @name)) @class
(method_definition (method_name) @name) @method
""",
        comments=Comments(blocks=((b"(*", b"*)"),)),
        imports=import_pattern(r"^[ \t]*(?:open|include)\s+(?P<module>[A-Z][\w.]*)"),
    ),
    Language("ocaml_interface", suffixes="mli"),
    Language("purescript", suffixes="purs"),
    Language("racket", suffixes="rkt", interpreters="racket"),
    Language("scheme", suffixes="scm ss"),
)
