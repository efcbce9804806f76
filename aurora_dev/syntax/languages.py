"""Which language a file is in, by its name and, failing that, by its first line."""

from __future__ import annotations

import re

_EXTENSIONS_OF = {
    "bash": "sh bash zsh ksh bats",
    "bicep": "bicep",
    "c": "c h",
    "clojure": "clj cljs cljc edn",
    "cmake": "cmake",
    "commonlisp": "lisp lsp cl",
    "cpp": "cc cpp cxx c++ hh hpp hxx h++ ipp inl tpp ino",
    "csharp": "cs csx",
    "css": "css",
    "cuda": "cu cuh",
    "d": "d",
    "dart": "dart",
    "dockerfile": "dockerfile containerfile",
    "elisp": "el",
    "elixir": "ex exs",
    "elm": "elm",
    "erlang": "erl hrl",
    "fish": "fish",
    "fortran": "f f90 f95 f03 f08 for",
    "fsharp": "fs fsx",
    "gdscript": "gd",
    "gleam": "gleam",
    "glsl": "glsl vert frag geom comp",
    "go": "go",
    "graphql": "graphql gql graphqls",
    "groovy": "groovy gradle gvy",
    "haskell": "hs",
    "hcl": "hcl nomad",
    "heex": "heex",
    "hlsl": "hlsl",
    "html": "html htm xhtml",
    "ini": "ini cfg conf",
    "java": "java",
    "javascript": "js mjs cjs jsx es6",
    "json": "json jsonc json5 webmanifest geojson ipynb",
    "jsonnet": "jsonnet libsonnet",
    "julia": "jl",
    "kotlin": "kt kts",
    "latex": "tex sty cls",
    "lua": "lua",
    "luau": "luau",
    "make": "mk mak make",
    "markdown": "md markdown mdx mdown mkd",
    "matlab": "matlab",
    "meson": "meson",
    "nim": "nim nims",
    "nix": "nix",
    "objc": "m mm",
    "ocaml": "ml",
    "ocaml_interface": "mli",
    "odin": "odin",
    "org": "org",
    "pascal": "pas pp dpr",
    "perl": "pl pm t",
    "php": "php phtml php5 php7 phps",
    "po": "po pot",
    "powershell": "ps1 psm1 psd1",
    "prisma": "prisma",
    "properties": "properties",
    "proto": "proto",
    "purescript": "purs",
    "python": "py pyi pyw pyx pxd",
    "r": "r",
    "racket": "rkt",
    "rego": "rego",
    "rst": "rst rest",
    "ruby": "rb rake gemspec ru podspec",
    "rust": "rs",
    "scala": "scala sc sbt",
    "scheme": "scm ss",
    "scss": "scss",
    "smithy": "smithy",
    "solidity": "sol",
    "sql": "sql ddl dml",
    "starlark": "bzl star bazel",
    "svelte": "svelte",
    "swift": "swift",
    "tcl": "tcl",
    "terraform": "tf tfvars",
    "thrift": "thrift",
    "toml": "toml",
    "tsx": "tsx",
    "twig": "twig",
    "typescript": "ts mts cts",
    "typst": "typ",
    "v": "vsh",
    "verilog": "v sv svh vh",
    "vhdl": "vhd vhdl",
    "vim": "vim",
    "vue": "vue",
    "wgsl": "wgsl",
    "xml": "xml xsd xsl xslt svg plist csproj props targets",
    "yaml": "yaml yml",
    "zig": "zig zon",
}
_BY_EXTENSION = {extension: language for language, names in _EXTENSIONS_OF.items() for extension in names.split()}

_NAMES_OF = {
    "bash": ".bashrc .bash_profile .bash_aliases .profile .zshrc .zprofile .zshenv pkgbuild",
    "cmake": "cmakelists.txt",
    "dockerfile": "dockerfile containerfile",
    "groovy": "jenkinsfile",
    "ini": ".editorconfig .gitconfig .npmrc .flake8 .pylintrc",
    "json": ".babelrc .eslintrc .prettierrc pipfile.lock composer.lock",
    "make": "makefile gnumakefile bsdmakefile",
    "meson": "meson.build meson_options.txt",
    "python": "sconstruct sconscript wscript",
    "ruby": "rakefile gemfile vagrantfile podfile fastfile brewfile guardfile capfile",
    "starlark": "build workspace tiltfile",
    "toml": "pipfile cargo.lock poetry.lock uv.lock",
    "vim": ".vimrc",
}
_BY_NAME = {name: language for language, names in _NAMES_OF.items() for name in names.split()}

_INTERPRETERS = {
    "ash": "bash",
    "bash": "bash",
    "bun": "typescript",
    "dash": "bash",
    "deno": "typescript",
    "elixir": "elixir",
    "escript": "erlang",
    "fish": "fish",
    "groovy": "groovy",
    "julia": "julia",
    "ksh": "bash",
    "lua": "lua",
    "luajit": "lua",
    "make": "make",
    "node": "javascript",
    "nodejs": "javascript",
    "perl": "perl",
    "php": "php",
    "pwsh": "powershell",
    "pypy": "python",
    "python": "python",
    "racket": "racket",
    "rscript": "r",
    "ruby": "ruby",
    "runhaskell": "haskell",
    "scala": "scala",
    "sh": "bash",
    "swift": "swift",
    "tclsh": "tcl",
    "ts-node": "typescript",
    "tsx": "typescript",
    "uv": "python",
    "zsh": "bash",
}
# "#!/usr/bin/env -S VAR=1 python3.12 -u": the first word that is neither env, an option nor a setting.
_VERSION = re.compile(r"[\d.]+$")


def language_of(path: str, first_line: str = "") -> str | None:
    r"""Tell a file's language from its name and, where the name says nothing, from its ``#!`` line.

    Args:
        path: Any path; only its last part is looked at, without regard to case. ``/`` and ``\`` both separate.
        first_line: The first line of the file, for scripts without an extension.

    Returns:
        The name that tree-sitter-language-pack gives the language (``python``, ``tsx``, ``csharp`` …), or ``None``.
        A name says nothing about whether `aurora_dev.syntax.definitions` knows the language.
    """
    name = path.replace("\\", "/").rpartition("/")[2].lower()
    known = _BY_NAME.get(name)
    if known is not None:
        return known
    stem, dot, extension = name.rpartition(".")
    if dot and stem:
        known = _BY_EXTENSION.get(extension)
        if known is not None:
            return known
    if name.startswith(("dockerfile.", "containerfile.")):
        return "dockerfile"
    if name.startswith("makefile."):
        return "make"
    return _of_shebang(first_line)


def _of_shebang(line: str) -> str | None:
    line = line.lstrip("\ufeff")
    if not line.startswith("#!"):
        return None
    for word in line[2:].split():
        program = word.rpartition("/")[2].lower()
        if program == "env" or word.startswith("-") or "=" in word:
            continue
        program = program.removesuffix(".exe")
        return _INTERPRETERS.get(program) or _INTERPRETERS.get(_VERSION.sub("", program))
    return None
