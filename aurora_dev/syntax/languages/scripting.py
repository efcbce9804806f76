"""Shells and scripting languages."""

from __future__ import annotations

from aurora_dev.syntax.languages.declaration import (
    HASH_COMMENTS,
    Comments,
    FoundName,
    Language,
    import_pattern,
)


def _lua_name_rule(found: FoundName) -> FoundName:
    """Read ``Order:pay`` as the method ``Order.pay``."""
    name, scope, kind = found
    if ":" in name:
        name, kind = name.replace("::", ".").replace(":", "."), "method" if kind == "function" else kind
    return FoundName(name, scope, kind)


LANGUAGES = (
    Language(
        "bash",
        suffixes="sh bash zsh ksh bats",
        file_names=".bashrc .bash_profile .bash_aliases .profile .zshrc .zprofile .zshenv pkgbuild",
        interpreters="ash bash dash ksh sh zsh",
        definitions="""
(function_definition name: (_) @name) @function
(program (variable_assignment name: (variable_name) @name) @constant)
(program (declaration_command (variable_assignment name: (variable_name) @name)) @constant)
""",
        comments=HASH_COMMENTS,
        imports=import_pattern(r"^[ \t]*(?:source|\.)\s+[\"']?(?:\$\{?\w+\}?/)?(?P<module>[\w./-]+)"),
    ),
    Language("fish", suffixes="fish", interpreters="fish"),
    Language("gdscript", suffixes="gd"),
    Language(
        "julia",
        suffixes="jl",
        interpreters="julia",
        definitions="""
(module_definition name: (_) @name) @module
(function_definition (signature (call_expression . (identifier) @name))) @function
(function_definition (signature (typed_expression (call_expression . (identifier) @name)))) @function
(function_definition (signature (where_expression (call_expression . (identifier) @name)))) @function
(assignment . (call_expression . (identifier) @name)) @function
(macro_definition (signature (call_expression . (identifier) @name))) @macro
(struct_definition (type_head (identifier) @name)) @struct
(abstract_definition (type_head (identifier) @name)) @type
(const_statement (assignment . (identifier) @name)) @constant
""",
        comments=Comments((b"#",), ((b'"""', b'"""'), (b"#=", b"=#"))),
        imports=import_pattern(r"^[ \t]*(?:using|import|include)\s*(?:\(\s*)?\"?(?P<module>[\w./]+)"),
    ),
    Language(
        "lua",
        suffixes="lua",
        interpreters="lua luajit",
        definitions="""
(function_declaration name: (_) @name) @function
(assignment_statement (variable_list name: (_) @name) (expression_list value: (function_definition))) @function
(field name: (identifier) @name value: (function_definition)) @method
(chunk (variable_declaration (assignment_statement (variable_list name: (identifier) @name)
  (expression_list value: (_) @value))) @constant)
""",
        name_rule=_lua_name_rule,
        comments=Comments((b"--",), ((b"--[[", b"]]"), (b"--[=[", b"]=]"))),
        imports=import_pattern(r"require\s*(?:\(\s*)?[\"'](?P<module>[^\"'\n]+)[\"']"),
    ),
    Language("luau", suffixes="luau"),
    Language("matlab", suffixes="matlab"),
    Language(
        "perl",
        suffixes="pl pm t",
        interpreters="perl",
        definitions="""
(package_statement name: (_) @name (block)) @module
(subroutine_declaration_statement name: (_) @name) @function
""",
        comments=Comments((b"#",), ((b"=head", b"=cut"), (b"=item", b"=cut"), (b"=pod", b"=cut"))),
        imports=import_pattern(r"^[ \t]*(?:use|require)\s+(?P<module>[A-Z][\w:]*)"),
    ),
    Language(
        "php",
        suffixes="php phtml php5 php7 phps",
        interpreters="php",
        definitions="""
(class_declaration name: (_) @name) @class
(interface_declaration name: (_) @name) @interface
(trait_declaration name: (_) @name) @trait
(enum_declaration name: (_) @name) @enum
(function_definition name: (_) @name) @function
(method_declaration name: (_) @name) @method
(const_declaration (const_element . (name) @name)) @constant
(namespace_definition name: (_) @name body: (_)) @namespace
""",
        comments=Comments((b"//", b"#")),
        imports=import_pattern(
            r"^[ \t]*(?:use\s+(?:function\s+|const\s+)?"
            r"|(?:require|include)(?:_once)?\s*(?:\(\s*)?(?:__DIR__\s*\.\s*)?['\"]/?)"
            r"(?P<module>[\w\\./-]+)(?:\\?\{(?P<names>[^}]*)\})?"
        ),
    ),
    Language(
        "r",
        suffixes="r",
        interpreters="rscript",
        definitions="""
(binary_operator lhs: (identifier) @name rhs: (function_definition)) @function
""",
        comments=HASH_COMMENTS,
        imports=import_pattern(r"^[ \t]*(?:library|require|source)\s*\(\s*[\"']?(?P<module>[\w./-]+)"),
    ),
    Language(
        "ruby",
        suffixes="rb rake gemspec ru podspec",
        file_names="rakefile gemfile vagrantfile podfile fastfile brewfile guardfile capfile",
        interpreters="ruby",
        definitions="""
(module name: (_) @name) @module
(class name: (_) @name) @class
(method name: (_) @name) @function
(singleton_method name: (_) @name) @function
(assignment left: (constant) @name) @constant
""",
        comments=Comments((b"#",), ((b"=begin", b"=end"),)),
        imports=import_pattern(
            r"^[ \t]*(?:require|require_relative|load|autoload\s+:\w+,)\s*(?:\(\s*)?['\"](?P<module>[^'\"\n]+)['\"]"
        ),
    ),
    Language("tcl", suffixes="tcl", interpreters="tclsh"),
    Language("vim", suffixes="vim", file_names=".vimrc"),
)
