"""docs/extending.md: its files are written out and its commands run, one after another."""

import os
import re
import shlex

from tests.running import ROOT, launch


def test_the_examples_run(tmp_path):
    with open(os.path.join(ROOT, "docs", "extending.md"), encoding="utf8") as file:
        text = file.read()
    files = re.findall(r"^`(mine/\w+\.py)`\n\n```python\n(.*?)```", text, re.M | re.S)
    commands = re.findall(r"^    python (task_launcher\.py .*)$", text, re.M)
    assert len(files) == 5 and len(commands) == 4
    os.mkdir(tmp_path / "mine")
    for name, code in files:
        (tmp_path / name).write_text(code, encoding="utf8")
    with open(os.path.join(ROOT, "tests", "trainers", "lecam.py"), encoding="utf8") as file:
        assert dict(files)["mine/lecam.py"] == file.read()
    for command in commands:
        done = launch(*shlex.split(command)[1:], "--cpu", cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr[-500:])
    assert "FD-" in done.stdout
