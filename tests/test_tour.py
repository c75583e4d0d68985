"""docs/tour.ipynb runs from its first cell to its last."""

import json
import os

import pytest

from tests.running import ROOT

NOTEBOOK = os.path.join(ROOT, "docs", "tour.ipynb")


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    for package in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(package, reason=f"{package} is not installed (tests/requirements.txt)")
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("PYTHONPATH", ROOT)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    resources = {"metadata": {"path": str(tmp_path)}}  # results go there
    NotebookClient(notebook, timeout=400, kernel_name="python3", resources=resources).execute()
    said = [
        "".join(
            output.get("text", "") + output.get("data", {}).get("text/plain", "") for output in cell.outputs
        )
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    _, trained, looked, _, walked, scored, exported, loaded = said
    assert "finished: " in trained and trained.endswith("0")  # the exit code is the cell's value
    assert "torch.Size([32, 1, 8, 8]) 960" in looked
    assert "3 walks of " in walked
    assert "classifier" in scored and scored.endswith("0")
    assert "'model.json', 'model.pt2'" in exported.replace("'model.onnx', ", "")
    assert loaded.startswith("torch.Size([16, 1, 8, 8])")
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(drawn) == 3


def test_the_notebook_holds_pictures_and_no_text_of_a_machine():
    with open(NOTEBOOK, encoding="utf8") as file:
        cells = json.load(file)["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert [list(output["data"])[0] for output in outputs] == ["image/png"] * 3
