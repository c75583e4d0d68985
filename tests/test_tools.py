"""What tools read: versions, line ends of scripts, the citation, links between documents."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10; pytest brings it there
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def git(*words):
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return done.stdout


def test_one_version_of_ruff_in_three_places():
    (pinned,) = re.findall(r"^ruff==(\S+)$", (ROOT / "tests/requirements.txt").read_text(), re.M)
    assert PYPROJECT["tool"]["ruff"]["required-version"] == f"=={pinned}"
    hooks = [
        hook
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
    ]
    assert {hook["id"] for hook in hooks} == {"ruff-check", "ruff-format"}
    assert all(hook["additional_dependencies"] == [f"ruff=={pinned}"] for hook in hooks)


def test_every_ignored_rule_has_its_reason():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    rules = [line for line in lines if re.match(r'\s+"[A-Z]+\d*",', line)]
    assert len(rules) > 15
    assert [line for line in rules if not re.search(r"# \S+ \S+", line)] == []


def test_scripts_have_unix_line_ends_in_every_clone():
    tracked = git("ls-files", "-z").split("\0")[:-1]
    scripts = [name for name in tracked if name.endswith((".sh", ".sbatch", ".py")) or name == ".ci/run"]
    firsts = [name for name in tracked if (ROOT / name).is_file() and (ROOT / name).read_bytes()[:2] == b"#!"]
    assert len(scripts) > 500 and ".ci/run" in firsts
    answers = git("check-attr", "-z", "eol", "--", *{*scripts, *firsts}).split("\0")[:-1]
    assert {name for name, value in zip(answers[::3], answers[2::3]) if value != "lf"} == set()


def test_no_tracked_text_has_windows_line_ends():
    assert [line for line in git("ls-files", "--eol").splitlines() if re.match(r"i/(crlf|mixed)", line)] == []


def test_pictures_are_binary():
    pictures = [name for name in git("ls-files").splitlines() if name.endswith((".png", ".gif", ".jpg"))]
    answers = git("check-attr", "binary", "--", *pictures).splitlines()
    assert pictures and all(line.endswith(": binary: set") for line in answers)


def test_the_citation_has_the_version_licence_and_authors_of_the_project():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = PYPROJECT["project"]
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "version", "license", "type"} <= citation.keys()
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    names = [author["name"] for author in citation["authors"]]
    assert names == [author["name"] for author in project["authors"]]
    assert all(f"Copyright (c) 2026 {name}\n" in (ROOT / "LICENSE").read_text() for name in names)


def test_commits_left_out_of_blame_exist():
    lines = (ROOT / ".git-blame-ignore-revs").read_text().splitlines()
    hashes = [line for line in lines if line and not line.startswith("#")]
    assert hashes and all(re.fullmatch(r"[0-9a-f]{40}", line) for line in hashes)
    if git("rev-parse", "--is-shallow-repository").strip() == "false":
        assert {git("cat-file", "-t", line).strip() for line in hashes} == {"commit"}


def links(page):
    """The files that a page links to, images among them, as paths from the page's folder."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.S)
    targets = re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", text)
    return [page.parent / target for target in targets if "://" not in target]


def test_links_between_documents_lead_somewhere():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    found = {page: links(page) for page in pages}
    assert sum(map(len, found.values())) > 20
    assert [(page.name, str(link)) for page in pages for link in found[page] if not link.exists()] == []


def test_every_picture_is_shown_and_has_its_command():
    index = (ROOT / "docs/README.md").read_text()
    lines = [line for line in index.splitlines() if re.match(r"\| `\w+\.(png|gif)`", line)]
    rows = {name: line for line in lines for name in re.findall(r"`(\w+\.(?:png|gif))`", line.split("|")[1])}
    pictures = {path.name for path in (ROOT / "docs/images").iterdir()}
    shown = set()
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        found = re.findall(r'(?:\]\(|src=")([^)"]*images/[^)"]+)', page.read_text())
        assert all((page.parent / target).exists() for target in found), page
        shown |= {Path(target).name for target in found}
    assert pictures == shown
    assert pictures == rows.keys() and all(
        re.search(r"`[^`]*(exps/|task_launcher)", row) for row in rows.values()
    )
    scripts = {match for row in rows.values() for match in re.findall(r"exps/[\w/]+\.sh", row)}
    assert all((ROOT / script).exists() for script in scripts)


def test_the_index_has_every_page():
    index = {link.name for link in links(ROOT / "docs/README.md")}
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs").glob("*.ipynb")]
    assert {page.name for page in pages} - {"README.md"} == index


def test_the_floor_is_the_best_rate_of_the_libraries(monkeypatch):
    """best_rate takes the fastest, and each workload does what it counts."""
    import torch

    from benchmarks import common
    from benchmarks.steps import Operations

    work = common.workloads()
    assert common.best_rate({"a": (None, 6), "b": (None, 8)}, {"a": 1.0, "b": 4.0}) == (6.0, "a")
    for name in ("product", "convolution"):
        function, operations = work[name]
        with Operations() as counted:
            function()
        assert 0.95 < counted.total / operations <= 1  # torch counts the border's products too
    if "oneDNN product" in work:
        a, b = torch.randn(5, 7), torch.randn(3, 7)
        ours = torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], "")
        assert torch.allclose(ours, a @ b.T, atol=1e-5)
