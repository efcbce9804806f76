"""The sources of the training pairs: packages with exact versions, their licences and their roles.

Sources for validation and the held-out part share no package with training, except that the standard libraries of Go
and Java are divided by folders or modules.
"""

from __future__ import annotations

from sources import Package, Source, check_sources

_PY, _JS, _TS = (".py",), (".js", ".mjs", ".md"), (".ts", ".tsx", ".md")
_PROSE = (".md", ".rst", ".rst.txt", ".adoc", ".txt")
_GO = "usr/share/go-1.19/src"
_GOPATH = "usr/share/gocode/src"
_RUST = "usr/src/rustc-1.63.0"
_JAVA = "usr/lib/jvm/openjdk-17/lib/src"
_CARGO = "usr/share/cargo/registry"


def _pypi(*specs: str) -> tuple[Package, ...]:
    return tuple(Package("pypi", name, version) for name, _, version in (spec.partition("==") for spec in specs))


def _npm(*specs: str, roots: tuple[str, ...] = ("package",)) -> tuple[Package, ...]:
    return tuple(Package("npm", name, version, roots) for name, _, version in (spec.rpartition("@") for spec in specs))


def _deb(name: str, version: str, *roots: str) -> Package:
    return Package("debian", name, version, roots or ("",))


_GOLANG = (_deb("golang-1.19-src", "1.19.8-2", _GO),)
_RUSTC = "1.63.0+dfsg1-2"
_JDK = "17.0.19+10-1~deb12u2"
_PSF, _BSD, _MIT, _APACHE = "PSF-2.0", "BSD-3-Clause", "MIT", "Apache-2.0"
_GPL_CE = "GPL-2.0-only WITH Classpath-exception-2.0"

SOURCES: tuple[Source, ...] = (
    # Python
    Source("python-stdlib-0", "python", "train", _PSF, (Package("stdlib", "python"),), _PY, 4500, 6, (0, 2)),
    Source("python-stdlib-1", "python", "train", _PSF, (Package("stdlib", "python"),), _PY, 4500, 6, (1, 2)),
    Source("numpy", "python", "train", _BSD, _pypi("numpy==2.2.6"), _PY, 3000),
    Source("scipy", "python", "train", _BSD, _pypi("scipy==1.15.3"), _PY, 3000),
    Source("pandas", "python", "train", _BSD, _pypi("pandas==2.2.3"), _PY, 3000),
    Source("networkx", "python", "train", _BSD, _pypi("networkx==3.4.2"), _PY, 2500),
    Source("sympy", "python", "train", _BSD, _pypi("sympy==1.13.3"), _PY, 2500),
    Source("scikit-learn", "python", "train", _BSD, _pypi("scikit-learn==1.6.1"), _PY, 2500),
    Source("matplotlib", "python", "train", "PSF-based", _pypi("matplotlib==3.10.1"), _PY, 2500),
    Source(
        "python-tools",
        "python",
        "train",
        _MIT,
        _pypi("pip==25.1", "setuptools==80.3.0", "pytest==8.3.5", "pillow==11.2.1", "mypy==1.15.0", "black==25.1.0"),
        _PY,
        3500,
    ),
    Source("textual", "python", "train", _MIT, _pypi("textual==3.1.0", "prompt-toolkit==3.0.51"), _PY, 2500),
    Source(
        "python-services",
        "python",
        "train",
        _BSD,
        _pypi("celery==5.5.2", "kombu==5.5.3", "dask==2025.4.1", "distributed==2025.4.1"),
        _PY,
        3000,
    ),
    Source("sphinx", "python", "valid", "BSD-2-Clause", _pypi("sphinx==8.1.3", "docutils==0.21.2"), _PY, 600, 3),
    Source("sqlalchemy", "python", "heldout", _MIT, _pypi("sqlalchemy==2.0.40"), _PY, 400, 5),
    Source("rich", "python", "heldout", _MIT, _pypi("rich==14.0.0", "ipython==8.36.0"), _PY, 300, 3),
    # Go
    *(Source(f"go-{i}", "go", "train", _BSD, _GOLANG, (".go",), 4000, 6, (i, 4)) for i in range(3)),
    Source("go-3", "go", "valid", _BSD, _GOLANG, (".go",), 500, 2, (3, 4)),
    Source(
        "go-tools",
        "go",
        "heldout",
        _BSD,
        (_deb("golang-golang-x-tools-dev", "1:0.5.0+ds-1", _GOPATH),),
        (".go",),
        350,
        5,
    ),
    # Rust
    *(
        Source(
            f"rust-{name}",
            "rust",
            "train",
            "MIT OR Apache-2.0",
            (_deb("rust-src", _RUSTC, *(f"{_RUST}/{root}" for root in roots)),),
            (".rs",),
            3500,
        )
        for name, roots in {
            "library": ("library/core", "library/alloc"),
            "std": ("library/std", "library/proc_macro", "library/test", "library/term", "library/panic_unwind"),
            "compiler": ("compiler",),
        }.items()
    ),
    Source(
        "rust-crates",
        "rust",
        "heldout",
        "MIT OR Apache-2.0",
        (
            _deb("librust-itertools-dev", "0.10.3-1", _CARGO),
            _deb("librust-petgraph-dev", "0.6.2-1", _CARGO),
            _deb("librust-num-bigint-dev", "0.4.3-2", _CARGO),
            _deb("librust-regex-syntax-dev", "0.6.27-1", _CARGO),
        ),
        (".rs",),
        300,
        4,
    ),
    # Java
    *(
        Source(
            f"java-base-{i}",
            "java",
            "train",
            _GPL_CE,
            (_deb("openjdk-17-source", _JDK, f"{_JAVA}/java.base"),),
            (".java",),
            3500,
            6,
            (i, 3),
        )
        for i in range(3)
    ),
    Source(
        "java-desktop",
        "java",
        "heldout",
        _GPL_CE,
        (_deb("openjdk-17-source", _JDK, f"{_JAVA}/java.desktop/javax"),),
        (".java",),
        300,
        4,
    ),
    Source(
        "java-compiler",
        "java",
        "valid",
        _GPL_CE,
        (_deb("openjdk-17-source", _JDK, f"{_JAVA}/jdk.compiler"),),
        (".java",),
        400,
        3,
    ),
    # JavaScript and TypeScript
    Source("lodash", "javascript", "train", _MIT, _npm("lodash@4.17.21", "async@3.2.6", "ramda@0.30.1"), _JS, 2000),
    Source(
        "three",
        "javascript",
        "train",
        _MIT,
        _npm("three@0.176.0", roots=("package/src", "package/examples/jsm")),
        _JS,
        3000,
    ),
    Source("terser", "javascript", "train", "BSD-2-Clause", _npm("terser@5.39.0"), _JS, 500),
    Source(
        "date-fns", "javascript", "train", _MIT, _npm("date-fns@4.1.0", "luxon@3.6.1", "immutable@5.1.2"), _JS, 1500
    ),
    Source("ol", "javascript", "train", "BSD-2-Clause", _npm("ol@10.5.0"), (".js",), 2500),
    Source(
        "mathjs", "javascript", "heldout", _APACHE, _npm("mathjs@14.4.0", roots=("package/lib/esm",)), (".js",), 250, 3
    ),
    Source("leaflet", "javascript", "valid", "BSD-2-Clause", _npm("leaflet@1.9.4", "sinon@20.0.0"), _JS, 300, 2),
    Source(
        "tfjs",
        "typescript",
        "train",
        _APACHE,
        _npm("@tensorflow/tfjs-core@4.22.0", roots=("package/src",)),
        _TS,
        1000,
    ),
    Source(
        "lumino",
        "typescript",
        "train",
        _BSD,
        _npm(
            "@lumino/widgets@2.7.0",
            "@lumino/datagrid@2.5.9",
            "@lumino/algorithm@2.0.3",
            "@lumino/commands@2.3.2",
            "@lumino/coreutils@2.2.1",
            "@lumino/dragdrop@2.1.6",
            "@lumino/messaging@2.0.3",
            "@lumino/signaling@2.1.4",
            "@lumino/virtualdom@2.0.3",
            "@jupyterlab/apputils@4.4.1",
            "@jupyterlab/notebook@4.4.9",
            "@jupyterlab/cells@4.4.9",
            "@jupyterlab/docregistry@4.4.9",
        ),
        _TS,
        3000,
    ),
    Source(
        "prosemirror",
        "typescript",
        "heldout",
        _MIT,
        _npm(
            "prosemirror-model@1.25.1",
            "prosemirror-view@1.39.2",
            "prosemirror-state@1.4.3",
            "prosemirror-transform@1.10.4",
            "rxjs@7.8.2",
            roots=("package/src",),
        ),
        _TS,
        300,
        4,
    ),
    # Ruby, PHP, Perl, C and C++
    Source(
        "ruby-stdlib",
        "ruby",
        "train",
        "Ruby OR BSD-2-Clause",
        (_deb("libruby3.1", "3.1.2-7+deb12u1", "usr/lib/ruby"),),
        (".rb",),
        3500,
    ),
    Source(
        "ruby-libraries",
        "ruby",
        "heldout",
        _MIT,
        (_deb("ruby-sequel", "5.63.0-1"), _deb("ruby-kramdown", "2.4.0-2"), _deb("ruby-concurrent", "1.1.6+dfsg-5")),
        (".rb",),
        300,
        4,
    ),
    Source(
        "php-tools",
        "php",
        "train",
        _BSD,
        (
            _deb("php-pear", "1:1.10.13+submodules+notgz+2022032202-2"),
            _deb("phpunit", "9.6.7-1+deb12u1"),
            _deb("php-codecoverage", "9.2.26+dfsg-1"),
            _deb("php-parser", "4.15.4-1"),
            _deb("php-twig", "3.5.1-1+deb12u3"),
        ),
        (".php",),
        3000,
    ),
    Source(
        "php-commonmark",
        "php",
        "heldout",
        _BSD,
        (_deb("php-league-commonmark", "2.3.9-1+deb12u1"), _deb("php-doctrine-collections", "2.1.2-1")),
        (".php",),
        200,
        3,
    ),
    Source(
        "perl-modules",
        "perl",
        "train",
        "Artistic-1.0-Perl OR GPL-1.0-or-later",
        (_deb("perl-modules-5.36", "5.36.0-7+deb12u3"),),
        (".pm", ".pl"),
        3000,
    ),
    Source(
        "perl-moose",
        "perl",
        "heldout",
        "Artistic-1.0-Perl OR GPL-1.0-or-later",
        (_deb("libdatetime-perl", "2:1.59-1"), _deb("libmoose-perl", "2.2203-1")),
        (".pm",),
        150,
        3,
    ),
    # Prose: manuals, guides and references
    Source(
        "python-docs",
        "rst",
        "train",
        _PSF,
        (_deb("python3.11-doc", "3.11.2-6+deb12u8", "usr/share/doc/python3.11/html/_sources"),),
        _PROSE,
        5000,
        8,
    ),
    Source(
        "rust-docs",
        "markdown",
        "train",
        "MIT OR Apache-2.0",
        (_deb("rust-src", _RUSTC, f"{_RUST}/src/doc"),),
        _PROSE,
        5000,
        8,
    ),
    Source("git-docs", "text", "valid", "GPL-2.0-only", (_deb("git-doc", "1:2.39.5-0+deb12u3"),), (".txt",), 300, 2),
    Source("cmake-docs", "rst", "train", _BSD, (_deb("cmake-doc", "3.25.1-1"),), _PROSE, 3500, 5),
    Source("sqlalchemy-docs", "rst", "heldout", _MIT, (_deb("python-sqlalchemy-doc", "1.4.46+ds1-1"),), _PROSE, 400, 4),
)

check_sources(SOURCES)
