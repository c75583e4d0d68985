"""Every command that stands in README.md, CONTRIBUTING.md and docs/ is one that the project takes.

Commands of the launcher and of scripts are parsed as they would be; those of python -m must have their flags
in the module's help. Whether they do what the page says is the matter of other tests.
"""

import contextlib
import functools
import glob
import importlib
import io
import os
import re
import shlex

import pytest

from engine import flags
from engine.errors import MissingError
from eval.modes import ALONE, MODES, add_flags
from tests.exps.test_scripts import command_of
from tests.running import ROOT

PAGES = ["README.md", "CONTRIBUTING.md", "exps/README.md", "iterators/README.md", "docs/*.md"]
BEGIN = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:python|sh|bash|torchrun|sbatch|PYTHONPATH=\S+ python) ")


def commands():
    """{(page, command)} of the indented lines that begin as commands do, continued lines joined, without what
    stands after two blanks."""
    found = []
    for page in sorted({p for pattern in PAGES for p in glob.glob(os.path.join(ROOT, pattern))}):
        with open(page, encoding="utf8") as file:
            text = file.read().replace("\\\n", " ")
        for line in re.findall(r"^ {4}(\S.*)$", text, re.M):
            if BEGIN.match(line):
                # continued lines have blanks of their own: a remark begins with two and no flag
                command = re.split(r" {2,}(?!-)(?=\S)", line)[0]
                command = re.split(r" {2,}#|\s+[&|]|;", command)[0]
                found.append((os.path.relpath(page, ROOT), " ".join(command.split())))
    return sorted(set(found))


COMMANDS = commands()


def test_pages_have_commands():
    assert len(COMMANDS) > 80 and {"README.md", "docs/running.md", "docs/amr.md"} <= {p for p, _ in COMMANDS}


@functools.cache
def help_of(module):
    """What python -m module --help prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        importlib.import_module(module).main(["--help"])
    return out.getvalue()


@pytest.mark.parametrize("page, command", COMMANDS, ids=[f"{p}: {c[:60]}" for p, c in COMMANDS])
def test_it_is_taken(page, command, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = [w for w in shlex.split(command) if not re.fullmatch(r"[A-Z_]+=.*", w)]
    if "..." in words or any("..." in word for word in words):  # an example that leaves things out
        words = [word for word in words if "..." not in word]
    launched = next((i for i, w in enumerate(words) if os.path.basename(w) == "task_launcher.py"), None)
    script = next((w for w in words if w.endswith(".sh")), None)
    if launched is not None:
        parse(words[launched + 1 :])
    elif words[:2] == ["python", "-m"] and words[2] != "pytest":
        for word in words[3:]:
            if word.startswith("--"):
                flag = word.split("=")[0]
                assert flag in help_of(words[2]), f"{page}: {flag} is no flag of {words[2]}"
    elif words[0] == "python":
        assert os.path.isfile(words[1]), command
    elif script is not None and words[0] in ("sh", "bash"):
        assert os.path.isfile(words[1]), command
        if script == words[1] and "task_launcher.py" in open(script, encoding="utf8").read():
            more = [word for word in words[2:] if word != "$@"]
            parse(command_of(os.path.join(ROOT, script), *more, cwd=ROOT))


def parse(words):
    """Parses the launcher's words; that a page's run or file is not here is no fault of the page."""
    if {"--help", "-h"} & set(words):
        return
    try:
        flags.parse(words, {"train": None} | MODES, add_flags, ALONE)
    except MissingError:
        pass
