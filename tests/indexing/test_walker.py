"""The walk: ignore rules, skipped files and folders with their reasons, links, encodings."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aurora_dev.errors import IndexingError
from aurora_dev.indexing.filetypes import content_reason, decode, is_secret_file, name_reason
from aurora_dev.indexing.walker import Skipped, SourceFile, WalkOptions, read_text, walk

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="compares with git itself")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX file system")


def words(text: str) -> list[str]:
    return text.split()


def write(root: Path, *paths: str) -> None:
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("text\n", encoding="utf-8")


def put(root: Path, path: str, content: str | bytes) -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content.encode() if isinstance(content, str) else content)
    return target


def paths(root: Path, options: WalkOptions | None = None, skipped: list[Skipped] | None = None) -> list[str]:
    found = [file.path for file in walk(root, options, skipped)]
    return [path for path in found if path.rpartition("/")[2] not in (".gitignore", ".auroraignore")]


def reasons(root: Path) -> dict[str, str]:
    skipped: list[Skipped] = []
    list(walk(root, None, skipped))
    return {entry.path: entry.reason for entry in skipped}


def test_files_are_sorted_by_path_and_have_their_size_and_absolute_path(tmp_path: Path) -> None:
    write(tmp_path, "b.py", "a/z.py", "a.py", "a-b/x.py", "a/b/c.py", "A.py")
    files = list(walk(tmp_path))
    assert [file.path for file in files] == sorted(["b.py", "a/z.py", "a.py", "a-b/x.py", "a/b/c.py", "A.py"])
    by_path = {file.path: file for file in files}
    status = (tmp_path / "a/z.py").stat()
    assert by_path["a/z.py"] == SourceFile(
        "a/z.py", Path(os.path.realpath(tmp_path / "a/z.py")), status.st_size, status.st_mtime_ns
    )


def test_gitignore_excludes_and_negates_in_order(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "# comment\n\n*.log\n!keep.log\n/only_root.txt\ndocs/*.txt\ntmp/\n")
    write(tmp_path, "a.log", "keep.log", "only_root.txt", "sub/only_root.txt", "docs/a.txt", "docs/in/a.txt", "tmp/x")
    write(tmp_path, "sub/tmp/x", "sub/a.log")
    assert paths(tmp_path) == ["docs/in/a.txt", "keep.log", "sub/only_root.txt"]


def test_a_nested_gitignore_applies_to_its_folder_before_the_one_above(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "*.gen\n")
    put(tmp_path, "sub/.gitignore", "!wanted.gen\n/here.py\n")
    write(tmp_path, "wanted.gen", "sub/wanted.gen", "sub/other.gen", "sub/here.py", "sub/in/here.py", "here.py")
    assert paths(tmp_path) == ["here.py", "sub/in/here.py", "sub/wanted.gen"]


def test_nothing_comes_back_below_an_excluded_folder(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "secret/\n!secret/kept.py\nopen/*\n!open/kept.py\n")
    write(tmp_path, "secret/kept.py", "open/kept.py", "open/lost.py")
    assert paths(tmp_path) == ["open/kept.py"]


def test_the_exclude_file_and_gitignores_above_the_root_apply(tmp_path: Path) -> None:
    put(tmp_path, ".git/info/exclude", "excluded.py\n/part/anchored.py\n")
    put(tmp_path, ".gitignore", "*.above\npart/deep/*.txt\n")
    write(tmp_path, "part/excluded.py", "part/anchored.py", "part/a.above", "part/deep/a.txt", "part/deep/a.py")
    assert paths(tmp_path) == ["part/deep/a.py"]
    assert paths(tmp_path / "part") == ["deep/a.py"]


def test_a_linked_worktree_uses_the_exclude_file_of_its_repository(tmp_path: Path) -> None:
    put(tmp_path, "main/.git/info/exclude", "excluded.py\n")
    put(tmp_path, "main/.git/worktrees/w/commondir", "../..\n")
    put(tmp_path, "w/.git", f"gitdir: {tmp_path / 'main/.git/worktrees/w'}\n")
    write(tmp_path / "w", "excluded.py", "a.py")
    assert paths(tmp_path / "w") == ["a.py"]


def test_auroraignore_takes_precedence_and_brings_back(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "*.gen\nbuild/\nlogs/\n")
    put(tmp_path, ".auroraignore", "!api.gen\n!build/\n!vendor/\n!bundle.min.js\nlegacy/\n")
    write(
        tmp_path, "api.gen", "b.gen", "build/x.py", "build/in/y.py", "logs/z.py", "vendor/v.py", "legacy/l.py", "a.py"
    )
    write(tmp_path, "bundle.min.js", "other.min.js")
    assert paths(tmp_path) == ["a.py", "api.gen", "build/in/y.py", "build/x.py", "bundle.min.js", "vendor/v.py"]


def test_a_folder_brought_back_by_auroraignore_is_listed_completely(tmp_path: Path) -> None:
    put(tmp_path, ".gitignore", "out/gen/\n*/skipped.py\n")
    put(tmp_path, ".auroraignore", "!gen/\n")
    write(tmp_path, "out/gen/a.py", "out/gen/in/b.py", "out/skipped.py")
    assert paths(tmp_path) == ["out/gen/a.py", "out/gen/in/b.py"]


def test_no_pattern_brings_back_secrets_or_version_control(tmp_path: Path) -> None:
    put(tmp_path, ".auroraignore", "!*\n!.git/\n!.env\n")
    write(tmp_path, ".git/config", ".aurora/store.db", ".env", "id_rsa", "a.py")
    assert paths(tmp_path) == ["a.py"]


def test_vendored_and_generated_folders_are_left_out(tmp_path: Path) -> None:
    left_out = ["node_modules", "vendor", "third_party", ".venv", "venv", "__pycache__", ".tox", ".mypy_cache", "dist"]
    left_out += ["build", "target", "lib/site-packages", "x.egg-info", "sub/node_modules"]
    write(tmp_path, *(f"{folder}/a.py" for folder in left_out), "src/a.py", "myenv/pyvenv.cfg", "myenv/lib/a.py")
    write(tmp_path, "anycache/CACHEDIR.TAG", "anycache/a.py", "builder/a.py")
    assert paths(tmp_path) == ["builder/a.py", "src/a.py"]
    assert {path for path in reasons(tmp_path) if path.endswith("/")} == {
        f"{folder}/" for folder in [*left_out, "myenv", "anycache"]
    }


def test_a_package_called_build_is_source(tmp_path: Path) -> None:
    write(tmp_path, "src/build/__init__.py", "src/build/env.py", "build/lib/x.py")
    assert paths(tmp_path) == ["src/build/__init__.py", "src/build/env.py"]


def test_binary_generated_minified_and_large_files_are_left_out_with_their_reason(tmp_path: Path) -> None:
    put(tmp_path, "raw", b"abc\0def")
    put(tmp_path, "late", b"a\n" * 4000 + b"\0")
    put(tmp_path, "api.go", "// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n")
    put(tmp_path, "types.ts", "/**\n * @generated SignedSource<<x>>\n */\n")
    put(tmp_path, "long.js", "x=1;" * 5000)
    put(tmp_path, "large.txt", "line of text\n" * 100_000)
    put(tmp_path, "generator.py", 'HEADER = "// DO NOT EDIT"\nMARK = "@generated"\n')
    put(tmp_path, "notes.md", "# Please DO NOT EDIT this by hand\n" + "word " * 3000)
    put(tmp_path, "utf16.txt", "wide text\n".encode("utf-16"))
    write(
        tmp_path, "logo.png", "a.min.js", "a.js.map", "x.pb.go", "x_pb2.py", "poetry.lock", "package-lock.json", "ok.py"
    )
    assert paths(tmp_path) == ["generator.py", "notes.md", "ok.py", "utf16.txt"]
    found = reasons(tmp_path)
    assert found["raw"] == found["logo.png"] == found["late"] == "binary"
    assert found["api.go"] == found["types.ts"] == found["x.pb.go"] == found["x_pb2.py"] == "generated"
    assert found["long.js"] == found["a.min.js"] == found["a.js.map"] == "minified"
    assert found["poetry.lock"] == found["package-lock.json"] == "lock file"
    assert found["large.txt"] == "too large"


@pytest.mark.parametrize(
    "name",
    words(
        ".env .env.local .env.production prod.env server.pem id_rsa id_ed25519 tls.key cert.p12 store.pfx .npmrc "
        ".pypirc .netrc credentials.json .git-credentials client_secret_123.json terraform.tfstate .ENV"
    ),
)
def test_files_that_hold_secrets_are_never_read(name: str, tmp_path: Path) -> None:
    write(tmp_path, name, "a.py")
    assert paths(tmp_path) == ["a.py"]
    assert reasons(tmp_path) == {name: "holds secrets"}


@pytest.mark.parametrize(
    "name",
    words(
        ".env.example .env.sample .env.template env.py environment.md id_rsa.pub keyboard.py credentials.py secrets.py "
        "monkey.py terraform.tfvars.example example.env"
    ),
)
def test_templates_and_code_about_secrets_are_read(name: str) -> None:
    assert not is_secret_file(name)
    assert name_reason(name) is None


@posix_only
def test_links_are_read_once_and_never_outside_the_root(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "src/a.py", ".git/config", ".env", "node_modules/m/index.js")
    write(tmp_path, "outside.py")
    (root / "loop").symlink_to(root, target_is_directory=True)
    (root / "self").symlink_to("self")
    (root / "again.py").symlink_to("src/a.py")
    (root / "out.py").symlink_to(tmp_path / "outside.py")
    (root / "config.txt").symlink_to(".git/config")
    (root / "plain.txt").symlink_to(".env")
    (root / "m1.js").symlink_to("node_modules/m/index.js")
    (root / "m2.js").symlink_to("node_modules/m/index.js")
    (root / "gone.py").symlink_to("nowhere.py")
    assert paths(root) == ["m1.js", "src/a.py"]
    assert reasons(root) == {
        ".env": "holds secrets",
        "again.py": "link to a file that is read itself",
        "config.txt": "ignored",
        "gone.py": "broken link",
        "loop": "link to a folder",
        "m2.js": "link to a file that is read itself",
        "node_modules/": "vendored, cache or build folder",
        "out.py": "link out of the project",
        "plain.txt": "holds secrets",
        "self": "broken link",
    }


@posix_only
def test_a_root_that_is_a_link_is_walked(tmp_path: Path) -> None:
    write(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert paths(tmp_path / "link") == ["a.py"]


@posix_only
def test_pipes_and_sockets_are_reported_and_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    monkeypatch.chdir(tmp_path)  # the path of a socket has a short limit
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        assert paths(tmp_path) == ["a.py"]
        assert reasons(tmp_path) == {"pipe.py": "not a regular file", "socket.py": "not a regular file"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_files_and_folders_are_reported_without_ending_the_walk(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "locked/b.py", "c.py")
    (tmp_path / "locked").chmod(0)
    (tmp_path / "c.py").chmod(0)
    try:
        assert paths(tmp_path) == ["a.py"]
        assert reasons(tmp_path) == {"c.py": "unreadable", "locked/": "unreadable"}
    finally:
        (tmp_path / "locked").chmod(0o700)


def test_a_folder_that_cannot_be_listed_is_reported_without_ending_the_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.py", "broken/b.py", "c.py")
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("broken"):
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert paths(tmp_path) == ["a.py", "c.py"]
    assert reasons(tmp_path) == {"broken/": "unreadable"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_not_utf8_is_reported(tmp_path: Path) -> None:
    write(tmp_path, "é.py")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.py")).write_text("x", encoding="utf-8")
    assert paths(tmp_path) == ["é.py"]
    assert reasons(tmp_path) == {"bad\\udcff.py": "name is not valid UTF-8"}


def test_a_missing_root_or_a_file_as_root_is_an_error(tmp_path: Path) -> None:
    put(tmp_path, "file.py", "x")
    with pytest.raises(IndexingError, match=r"There is no folder .*missing"):
        walk(tmp_path / "missing")
    with pytest.raises(IndexingError, match=r"is a file, not a folder; nothing was changed\. Name the folder"):
        walk(tmp_path / "file.py")


@pytest.mark.parametrize("text", ["", "plain\n", "a\r\nb\rc\n", "ünïcödé 😀\n", "\u2028line"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_read_text_returns_the_text_unchanged(text: str, encoding: str, tmp_path: Path) -> None:
    put(tmp_path, "a.txt", text.encode(encoding))
    (file,) = walk(tmp_path)
    assert read_text(file) == text


def test_other_encodings_are_guessed_without_errors() -> None:
    assert decode("café – “x”\r\n".encode("cp1252")) == "café – “x”\r\n"
    assert decode(b"\x81\x8d caf\xe9") == "\x81\x8d café"
    assert decode(b"\xff\xfea") is not None  # half a UTF-16 character
    assert decode(b"PK\x03\x04\0\0") is None


@given(st.binary(max_size=200))
def test_any_bytes_are_text_or_binary(data: bytes) -> None:
    text = decode(data)
    assert (text is None) == (content_reason("x.py", data) == "binary")


NAMES = st.sampled_from(["a", "b", "foo", "bar.py", "x.log", "a b", "#c", "build2"])
TREE_PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PATTERNS = st.one_of(
    st.sampled_from(
        ["*", "/*", "*/", "**", "**/", "*.log", "!*.log", "[a-b]", "?", "foo/**", "!foo/", "\\#c", "a\\ b"]
    ),
    st.sampled_from(
        ["**/foo", "a/**/b", "/a", "a/", "/a/b/", "!/a/b", "*.p[xy]", "!bar.py", "foo/*", "!foo/a", "x.log "]
    ),
    st.tuples(
        st.sampled_from(["", "!"]), st.sampled_from(["", "/", "**/"]), TREE_PATHS, st.sampled_from(["", "/"])
    ).map("".join),
)


@needs_git
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.sets(TREE_PATHS, min_size=1, max_size=12),
    rules=st.dictionaries(st.sampled_from(["", "a/", "foo/", "a/b/"]), st.lists(PATTERNS, max_size=6), max_size=3),
)
def test_ignore_rules_agree_with_git(
    tmp_path_factory: pytest.TempPathFactory, tree: set[str], rules: dict[str, list[str]]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for path in sorted(tree):
        if not any(other.startswith(path + "/") for other in tree):
            put(root, path, "x\n")
    for folder, patterns in rules.items():
        if (root / folder).is_dir():
            put(root, f"{folder}.gitignore", "\n".join(patterns) + "\n")
    subprocess.run(["git", "init", "-q", str(root)], check=True, capture_output=True)
    command = ["git", "-c", "core.excludesFile=", "ls-files", "-z", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.decode().split("\0")
    expected = sorted(path for path in listed if path and not path.endswith(".gitignore"))
    assert paths(root) == expected


def test_a_hundred_ignore_patterns_cost_little_more_than_none(tmp_path: Path) -> None:
    patterns = [f"*.x{n}" for n in range(60)] + [f"name{n}/" for n in range(40)] + ["/a/**/b", "*.py[cod]", "!keep.py"]
    for folder in range(20):
        (tmp_path / f"d{folder}").mkdir()
        for number in range(100):
            (tmp_path / f"d{folder}" / f"f{number}.py").write_bytes(b"x = 1\n")

    def seconds() -> float:
        start = time.perf_counter()
        assert len(paths(tmp_path, WalkOptions(sniff=False))) == 2000
        return time.perf_counter() - start

    without = min(seconds() for _ in range(3))
    put(tmp_path, ".gitignore", "\n".join(patterns))
    assert min(seconds() for _ in range(3)) < 4 * without  # 1.2 times here; one search per pattern would be 10 times
