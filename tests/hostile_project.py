"""A project whose files, commits and repositories are written to hurt whoever reads them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from pathlib import Path

from git_repository import Repository

KOTLIN_CRASH = 'val s = "${\n' + '"${\n' * 1_100
PERL_CRASH = 'my $s = "${\n' + '"${\n' * 150
_CYRILLIC = (
    "\u0444\u0443\u043d\u043a\u0446\u0438\u044f \u043f\u0440\u043e\u0432"
    "\u0435\u0440\u044f\u0435\u0442 \u043f\u043e\u0434\u043f\u0438\u0441\u044c"
)
_JAPANESE = (
    "\u3053\u306e\u95a2\u6570\u306f\u7f72\u540d\u3092\u691c\u8a3c"
    "\u3057\u307e\u3059\u3002\u65e5\u672c\u8a9e\u306e\u8aac\u660e"
)


@dataclass(slots=True)
class HostileProject:
    """The contents of the project, and what an index run has to say about it.

    Attributes:
        found: A word that one file holds, by the file's path.
        skipped: The reason for each file or folder that is left out.
        by_lines: The reason for each file that is cut by lines.
        messages: A word that one commit's message holds, by the commit's hash.
        silent: The number of commits without a word in their message.
        lost: The hashes of commits that cannot be read.
        incomplete: The hashes of commits whose changes cannot be read.
    """

    root: Path
    found: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    by_lines: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)
    silent: int = 0
    lost: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    _number: int = 0

    def word(self) -> str:
        """Return a word that nothing else in the project holds."""
        self._number += 1
        return f"quagga{chr(97 + self._number // 26)}{chr(97 + self._number % 26)}xyl"

    def python(self, name: str, before: bytes = b"", after: bytes = b"", encoding: str = "utf-8") -> None:
        """Write a file with a function that a search has to find."""
        word = self.word()
        text = f"def {word}(value):\n    return value\n".encode(encoding)
        self.put(name, before + text + after)
        self.found[name] = word

    def put(self, name: str | bytes, data: bytes | str) -> Path:
        path = self.root / (os.fsdecode(name) if isinstance(name, bytes) else name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data)
        return path

    def skip(self, name: str, data: bytes | str, reason: str) -> None:
        self.put(name, data)
        self.skipped[name] = reason

    def lines(self, name: str, data: str, reason: str) -> None:
        self.put(name, data)
        self.by_lines[name] = reason


def make_hostile_project(root: Path) -> HostileProject:
    """Make the project in a folder that does not exist yet."""
    project = HostileProject(root)
    repository = Repository(root)
    _ordinary(project)
    _syntax(project)
    _bytes(project)
    _names(project)
    _entries(project)
    _ignore_files(project)
    _notebooks(project)
    _commits(project, repository)
    _nested_repositories(project)
    return project


def _ordinary(project: HostileProject) -> None:
    project.python("calm.py")
    project.python("deep/" * 30 + "calm.py")


def _syntax(project: HostileProject) -> None:
    project.lines("Evil.kt", KOTLIN_CRASH, "its grammar failed")
    project.lines("evil.pl", PERL_CRASH, "its grammar failed")
    # Brought back although they look minified, so that they reach the grammars.
    project.put("syntax/.auroraignore", "!*\n")
    for name, text in {
        "marks.html": "<!--" * 1_300,
        "marks.md": "<!--" * 1_300,
        "raw.rs": 'r#"' * 1_300,
        "nested.json": "[" * 50_000,
        "nested.yaml": "- " * 20_000,
        "nested.js": "f({[" * 15_000,
        "nested.c": "(" * 50_000,
        "nested.py": "(" * 20_000,
        "quotes.py": '"""' * 7_001,
        "nested.php": "<?php " + "if (a) { " * 10_000,
        "comments.c": "/*" * 1_300,
        "heredocs.sh": "<<A " * 1_300,
        "strings.rb": '"#{' * 1_300,
        "headings.md": "#" * 100_000 + "\n" + "# a\n" * 20_000,
        "table.md": "| a " * 50_000,
        "links.md": "[a](" * 20_000,
        "front.md": "---\n" * 20_000,
        "overlines.rst": ("=" * 1_000 + "\n") * 200,
        "component.vue": "<script>" * 10_000,
        "page.astro": "---\n" * 10_000,
        "keys.env.example": "api_key=" * 20_000,
        "pem.txt": "-----BEGIN PRIVATE KEY-----\n" * 10_000,
        "urls.txt": "https://a:b@" * 20_000,
    }.items():
        project.put(f"syntax/{name}", text)
    project.skip("nested.go", "(" * 50_000, "minified")


def _bytes(project: HostileProject) -> None:
    project.python("nul.py.txt", before=b"x\n" * 5_000, after=b"# the end\n")
    project.skip("nul.py", b"x = 1\n\0\n", "binary")
    project.python("surrogates.py", before=b"# \xed\xa0\x80\xed\xb0\x80\n")
    project.python("broken_utf8.py", before=b"# \xff\xfe\xfa \xc3\n", after=b"\xe2\x82")
    project.python("overlong.py", before=b"# \xc0\xaf\n")
    project.python("utf16_mark.py", before=b"\xff\xfe", encoding="utf-16-le")
    project.python("utf16_big.py", before=b"\xfe\xff", encoding="utf-16-be")
    project.python("utf16.py", encoding="utf-16-le")
    project.python("utf32.py", encoding="utf-32-be")
    project.python("utf8_marks.py", before=b"\xef\xbb\xbf\xef\xbb\xbf")
    project.python("latin.py", before="# pr\u00fcft die Gr\u00f6\u00dfe\n".encode("latin-1"))
    project.python("cyrillic.py", before=f"# {_CYRILLIC}\n".encode("cp1251"))
    project.python("japanese.py", before=f"# {_JAPANESE}\n".encode("cp932"))
    project.python("iso2022.py", before=f"# {_JAPANESE}\n".encode("iso2022_jp"))
    project.python("declared.py", before=f"# -*- coding: euc_jp -*-\n# {_JAPANESE}\n".encode("euc_jp"))
    project.python("wrongly_declared.py", before=b"# -*- coding: zlib_codec -*-\n# \xe9\xe8\n")
    project.python("controls.py", before=b"# \x01\x02\x1b[2J\x7f\r\r\n\x0b\x0c\n")
    project.python("bidi.py", before="# \u202e\u2066 hidden \u2069\n".encode())
    project.python("combining.py", before=("# a" + "\u0301" * 200 + "\n").encode())
    project.python("carriage.py", before=b"x = 1\r" * 2_000)
    project.skip("long_line.py", "a b " * 2_621_440, "too large")
    project.skip("one_line.js", "var a=1;" * 100_000, "minified")
    project.put("long_line.txt", "word " * 200_000)
    project.skip("empty.py", b"", "no text")
    project.skip("blank.py", b" \n\t\n" * 1_000, "no text")
    project.skip("replacement.txt", b"\0" * 10, "binary")
    with (project.root / "sparse.py").open("wb") as file:
        file.truncate(1 << 40)
    project.skipped["sparse.py"] = "too large"


def _names(project: HostileProject) -> None:
    for name in (
        "-rf.py",
        "--help.py",
        "line\nbreak.py",
        "tab\tstop.py",
        "carriage\rreturn.py",
        "escape\x1b[31m.py",
        "bidi\u202egnp.py",
        "emoji \U0001f9a6.py",
        "family \U0001f468\u200d\U0001f469\u200d\U0001f467.py",
        "e\u0301.py",
        "\u00e9.py",
        "quote'\".py",
        "back\\slash.py",
        "*?[a].py",
        " spaces .py",
        "$(touch pwned).py",
        "%s%n%00.py",
        "{0}.py",
        "[bold]rich[/bold].py",
        "con.py",
        "~.py",
        "colon:1.py",
        "a" * 252 + ".py",
        "\u20ac" * 84 + ".py",
        "weird folder\n/x.py",
    ):
        project.python(name)
    project.put(b"latin-\xe9.py", "def nameless(): ...\n")
    project.skipped["latin-\\udce9.py"] = "name is not valid UTF-8"
    project.put(b"folder-\xff/inside.py", "def nameless(): ...\n")
    project.skipped["folder-\\udcff"] = "name is not valid UTF-8"


def _entries(project: HostileProject) -> None:
    root = project.root
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("def outside_function(): ...\n")
    for name, target, reason in (
        ("loop.py", "loop.py", "broken link"),
        ("loop_a.py", "loop_b.py", "broken link"),
        ("loop_b.py", "loop_a.py", "broken link"),
        ("up", "..", "link to a folder"),
        ("here", ".", "link to a folder"),
        ("out.py", str(outside / "secret.py"), "link out of the project"),
        ("out_folder", str(outside), "link to a folder"),
        ("passwd.txt", "/etc/passwd", "link out of the project"),
        ("null.py", "/dev/null", "link out of the project"),
        ("zero.py", "/dev/zero", "link out of the project"),
        ("gone.py", "nowhere.py", "broken link"),
        ("twice.py", "calm.py", "link to a file that is read itself"),
        ("environ.txt", "/proc/self/environ", "link out of the project"),
    ):
        (root / name).symlink_to(target)
        project.skipped[name] = reason
    os.mkfifo(root / "pipe.py")
    project.skipped["pipe.py"] = "not a regular file"
    _bind_socket(root / "socket.py")
    project.skipped["socket.py"] = "not a regular file"
    try:
        os.mknod(root / "device.py", 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    except OSError:
        pass  # only root may
    else:
        project.skipped["device.py"] = "not a regular file"
    (root / "pipe_folder.py").mkdir()
    os.mkfifo(root / "pipe_folder.py/.gitignore")
    os.mkfifo(root / "pipe_folder.py/.auroraignore")
    project.python("pipe_folder.py/inside.py")
    for name in ("pipe_folder.py/.gitignore", "pipe_folder.py/.auroraignore"):
        project.skipped[name] = "not a regular file"
    if os.geteuid():  # nothing is unreadable for root
        project.skip("unreadable.py", "def unreadable(): ...\n", "unreadable")
        (root / "unreadable.py").chmod(0)
        for mode, name in ((0o000, "closed"), (0o600, "listed")):
            project.put(f"{name}/inside.py", "def closed(): ...\n")
            (root / name).chmod(mode)
        project.skipped |= {"closed/": "unreadable", "listed/inside.py": "unreadable"}


def _bind_socket(path: Path) -> None:
    """Bind a socket through a short relative name: the length of its address is limited."""
    before = Path.cwd()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)
        try:
            server.bind(path.name)
        finally:
            os.chdir(before)


def _ignore_files(project: HostileProject) -> None:
    project.put("rules/binary/.gitignore", bytes(range(256)) * 200)
    project.python("rules/binary/inside.py")
    project.skipped["rules/binary/.gitignore"] = "binary"
    project.put("rules/stars/.gitignore", "\n".join("a*" * 30 + str(number) for number in range(200)) + "\n")
    project.python("rules/stars/" + "a" * 60 + ".py")
    project.put("rules/folders/.auroraignore", "\n".join("**/" * 40 + f"x{number}" for number in range(200)) + "\n")
    project.python("rules/folders/" + "a/" * 30 + "inside.py")
    project.put("rules/long/.gitignore", "[" * 500_000 + "\n" + "*" * 2_000_000 + "x\n")
    project.python("rules/long/inside.py")
    project.skipped["rules/long/.gitignore"] = "too large"
    project.put("rules/many/.gitignore", "".join(f"{number}*{number}?b\n" for number in range(3_000)))
    project.python("rules/many/inside.py")
    project.put("rules/classes/.gitignore", "[[:alpha:\n[]\n[!]\n[\\\n!\n\\\n[z-a]\n\0\n/\n//\n!!\n[^]]]\n")
    project.python("rules/classes/inside.py")
    project.skipped["rules/classes/.gitignore"] = "binary"


def _notebooks(project: HostileProject) -> None:
    cell = {"cell_type": "code", "source": ["def in_a_cell(): ..."], "outputs": [], "metadata": {}}
    project.found |= {"notebooks/digits.ipynb": "in_a_cell", "notebooks/halves.ipynb": "half"}
    for name, text in {
        "broken.ipynb": '{"cells": [{"cell_type": "code", "source": ["x',
        "empty.ipynb": "{}",
        "list.ipynb": "[]",
        "number.ipynb": "1e999",
        "cells.ipynb": json.dumps({"cells": [None, 1, "a", [], {}, {"cell_type": 1, "source": {"a": 1}}, cell]}),
        "source.ipynb": json.dumps({"cells": [{"cell_type": "code", "source": [1, None, ["x"]]}, cell]}),
        "nested.ipynb": '{"cells": ' + "[" * 100_000,
        "digits.ipynb": '{"nbformat": ' + "9" * 10_000 + ', "cells": [' + json.dumps(cell) + "]}",
        "halves.ipynb": '{"cells": [{"cell_type": "markdown", "source": "# \\ud800 half"}]}',
        "language.ipynb": json.dumps({"metadata": {"kernelspec": {"language": {"a": []}}}, "cells": [cell]}),
    }.items():
        project.put(f"notebooks/{name}", text)
    project.skipped["notebooks/nested.ipynb"] = "no text"


def _commits(project: HostileProject, repository: Repository) -> None:
    """Make commits by writing the objects themselves: git refuses to make most of these."""
    root = project.root

    def write(kind: str, body: bytes) -> str:
        data = f"{kind} {len(body)}".encode() + b"\0" + body
        name = sha1(data).hexdigest()
        path = root / ".git/objects" / name[:2] / name[2:]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(zlib.compress(data, 1))
        return name

    def tree(**files: str) -> str:
        entries = (b"100644 " + name.encode() + b"\0" + bytes.fromhex(blob) for name, blob in sorted(files.items()))
        return write("tree", b"".join(entries))

    number = 0

    def commit(
        message: bytes,
        *parents: str,
        author: bytes = b"Ada <a@b>",
        when: bytes | None = None,
        extra: bytes = b"",
        named: str | None = None,
    ) -> str:
        nonlocal number
        number += 1
        top = named or tree(**{f"file{number}": write("blob", b"%d\n" % number)})
        time = when if when is not None else b"%d +0000" % (1_700_000_000 + 60 * number)
        lines = [b"tree " + top.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [b"author " + author + b" " + time, b"committer " + author + b" " + time, extra]
        return write("commit", b"\n".join(line for line in lines if line) + b"\n\n" + message)

    def told(*parents: str, before: bytes = b"", after: bytes = b"", **options: object) -> str:
        word = project.word()
        name = commit(before + word.encode() + after, *parents, **options)  # type: ignore[arg-type]
        project.messages[name] = word
        return name

    # Behind a commit that is missing: nothing leads there.
    hidden = commit(b"behind the lost one\n")
    head = first = told(commit(b"to be lost\n", hidden))
    project.lost.append(_parent_of(root, head))
    for options in (
        {"when": b"-62135596800 +0000"},  # the year 1
        {"when": b"-1 +0000"},
        {"when": b"253402300800 +0000"},  # the year 10000
        {"when": b"99999999999999999999999 +0000"},
        {"when": b"1700000000 +9999999"},
        {"when": b"yesterday"},
        {"when": b""},
        {"author": b"Nul\0byte <a@b>"},
        {"author": b"\xff\xfe <\xfa>"},
        {"author": b"no address"},
        {"author": b""},
        {"author": b"a" * 200_000 + b" <a@b>"},
        {"extra": b"encoding nonsense-9"},
        {"extra": b"encoding utf-7"},
        {"extra": b"encoding zlib_codec"},
        {"extra": b"encoding " + b"x" * 10_000},
        {"extra": b"encoding punycode"},
        {"extra": b"gpgsig " + b"a\n " * 50_000},
        {"after": b" \xff\xfe\xfd\xe9\n"},
        {"after": b"\0 after a NUL\n"},
        {"after": b"\n\n" + b"a very long message " * 200_000},
        {"after": b"\n\n" + b"\n" * 1_000_000},
        {"before": b"\r\n\r\n"},
        {"after": b" \xed\xa0\x80 half a character\n"},
        {"after": b"\ncommit " + b"0" * 40 + b"\n"},
    ):
        head = told(head, **options)
    for message in (b"", b"\n\n\n", b"\0"):
        head = commit(message, head)
        project.silent += 1
    sides = [told(head) for _ in range(40)]
    head = told(*sides)
    missing_tree = "1" * 40
    head = told(head, named=missing_tree)
    project.incomplete.append(head)
    names = {"with\nbreak": "", "-x": "", "\u202e": "", "a" * 255: ""}
    blob = write("blob", b"content\n")
    head = told(head, named=tree(**dict.fromkeys(names, blob)))
    project.incomplete += [head, first]  # they are compared with objects that are missing
    head = told(head)
    branch = (root / ".git/HEAD").read_text().removeprefix("ref: ").strip()
    (root / ".git" / branch).parent.mkdir(parents=True, exist_ok=True)
    (root / ".git" / branch).write_text(head + "\n")
    for name in project.lost:
        (root / ".git/objects" / name[:2] / name[2:]).unlink()
    (root / ".git/info/grafts").write_text(f"{head}\nnonsense\n{'2' * 40} {'3' * 40}\n")
    replaced = root / ".git/refs/replace"
    replaced.mkdir(parents=True)
    (replaced / head).write_text("4" * 40 + "\n")
    (root / ".git/refs/heads/empty").write_text("")
    (root / ".git/refs/heads/nonsense").write_text("\0\xff")
    (root / ".git/shallow").write_text("")
    repository.git("config", "core.abbrev", "4")


def _parent_of(root: Path, name: str) -> str:
    data = zlib.decompress((root / ".git/objects" / name[:2] / name[2:]).read_bytes())
    return data.partition(b"parent ")[2][:40].decode()


def _nested_repositories(project: HostileProject) -> None:
    nested = project.root / "nested"
    breaks: dict[str, Callable[[Path], object]] = {
        "no_head": lambda git: (git / "HEAD").unlink(),
        "no_objects": lambda git: shutil.rmtree(git / "objects"),
        "head_to_itself": lambda git: (git / "HEAD").write_text("ref: HEAD\n"),
        "head_is_binary": lambda git: (git / "HEAD").write_bytes(bytes(range(256))),
        "index_is_binary": lambda git: (git / "index").write_bytes(b"DIRC" + bytes(2_000)),
        "config_is_broken": lambda git: (git / "config").write_text("[core\n\0"),
        "packed_refs_are_broken": lambda git: (git / "packed-refs").write_bytes(b"\xff\n" * 1_000),
        "index_is_a_pipe": lambda git: _replace_by_pipe(git / "index"),
        "info_is_missing": lambda git: shutil.move(git / "info", git / "more"),
        "exclude_is_a_pipe": lambda git: _replace_by_pipe(git / "info/exclude"),
        "config_runs_programs": lambda git: (git / "config").write_text(
            "[core]\n\tfsmonitor = touch pwned\n\tsshCommand = touch pwned\n\tworktree = /\n"
        ),
    }
    for name, damage in breaks.items():
        inner = Repository(nested / name)
        project.python(f"nested/{name}/inside.py")
        inner.git("add", "-A")
        damage(nested / name / ".git")
    for name, marker in {
        "worktree_to_nowhere": b"gitdir: /nowhere/at/all\n",
        "worktree_to_itself": b"gitdir: .git\n",
        "worktree_without_path": b"gitdir:\n",
        "worktree_with_nul": b"gitdir: a\0b\n",
        "worktree_endless": b"gitdir: " + b"a/" * 100_000,
        "worktree_up": b"gitdir: " + b"../" * 1_000 + b"etc\n",
        "not_a_worktree": b"\xff\xfe\xfd",
    }.items():
        project.put(f"nested/{name}/.git", marker)
        project.python(f"nested/{name}/inside.py")
    (nested / "pipe").mkdir()
    os.mkfifo(nested / "pipe/.git")
    project.python("nested/pipe/inside.py")
    (nested / "submodule").mkdir()  # without content
    project.put(".gitmodules", '[submodule "x"]\n\tpath = nested/submodule\n\turl = ext::touch pwned\n')


def _replace_by_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def hostile_notes() -> Iterator[tuple[str, dict[str, object]]]:
    """Yield the texts and options of notes that are strange, or too large to keep."""
    yield "plain note about the quaggazebra", {}
    yield "\u202e bidi \U0001f9a6 e\u0301 quaggaokapi", {"tags": ["\U0001f9a6", "e\u0301", "\u202eabc"]}
    yield "many tags quaggatapir", {"tags": [f"tag{number}" for number in range(10_000)]}
    yield "huge tag quaggamoose", {"tags": ["x" * 1_000_000]}
    yield "half \ud800 a character quaggabison", {}
    yield "nul \0 byte quaggahyena", {"source": "\0"}
    yield "---\nkind: [\n---\nfront matter quaggalemur", {"kind": "---"}
    yield "x" * 5_000_000, {}
    yield "", {}
    yield " \n\t", {}
    yield "<!--" * 1_300 + " quaggaibex", {}
