import pytest

from engine.errors import MissingError, UserError
from engine.load import call, literal, load_file, pairs


def write(path, text):
    path.write_text(text)
    return str(path)


def test_loads_by_path_with_siblings(tmp_path):
    write(tmp_path / "sibling_of_mine.py", "VALUE = 5")
    path = write(tmp_path / "mine.py", "from sibling_of_mine import VALUE\ndef get_network(): return VALUE")
    assert load_file(path, "--network", "get_network").get_network() == 5


def test_missing_file_names_the_nearest(tmp_path):
    write(tmp_path / "model_resnet.py", "")
    with pytest.raises(
        MissingError, match=r"--network: no file .*model_resent\.py; there is .*model_resnet\.py"
    ):
        load_file(str(tmp_path / "model_resent.py"), "--network", "get_network")


@pytest.mark.parametrize(
    "text, said",
    [
        ("x = 1", "has no function get_network"),
        ("import nothing_of_that_name", "does not import: ModuleNotFoundError"),
        ("def get_network(:", "does not import: SyntaxError"),
        ("get_network = 3", "has no function"),
    ],
)
def test_files_that_cannot_serve(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        load_file(write(tmp_path / "bad.py", text), "--network", "get_network")


def test_call_passes_what_is_named():
    offered = {"data_shape": (1, 2, 2), "n_classes": 3, "z_dim": 4}
    assert call(lambda z_dim: z_dim, offered, {}, "--f") == 4
    assert call(
        lambda data_shape, z_dim, width=1: (data_shape, z_dim, width), offered, {"width": 8}, "--f"
    ) == ((1, 2, 2), 4, 8)
    assert call(lambda z_dim=1, **rest: (z_dim, rest), offered, {"other": 2}, "--f") == (4, {"other": 2})
    assert call(lambda z_dim: z_dim, offered, {"z_dim": 9}, "--f") == 9
    with pytest.raises(UserError, match=r"--f: given widht=\.\.\.; use width, depth"):
        call(lambda z_dim, width=1, depth=2: 0, offered, {"widht": 3}, "--f")
    with pytest.raises(UserError, match=r"--f: needs root=\.\.\.; add it"):
        call(lambda z_dim, root: 0, offered, {}, "--f")


def test_literals_are_read_and_never_run():
    assert pairs(["a=1", "b=1e-3", "c=True", "d=none", "e=(1, 2)", "f=vbn", "g=a=b", "h=100x5"]) == {
        "a": 1,
        "b": 1e-3,
        "c": True,
        "d": None,
        "e": (1, 2),
        "f": "vbn",
        "g": "a=b",
        "h": "100x5",
    }
    assert literal("__import__('os').system('false')") == "__import__('os').system('false')"
    for word in ("width", "=3", "a b=1"):
        with pytest.raises(ValueError, match="use key=value"):
            pairs([word])


@pytest.mark.parametrize(
    "word, value, said",
    (
        ("width", "abc", "a whole number"),
        ("width", 1.5, "a whole number"),
        ("width", True, "a whole number"),
        ("std", "x", "a number"),
        ("fold", 1, "True or False"),
    ),
)
def test_a_word_of_another_type_than_its_default_is_refused(word, value, said):
    def function(width=8, std=1.0, fold=True, size=None, form="paper", **more):
        return width, std, fold, size, form

    with pytest.raises(UserError, match=f"--network_args: given {word}={value}; must be {said}"):
        call(function, {}, {word: value}, "--network_args")
    assert call(
        function,
        {},
        {"width": 4, "std": 2, "fold": None, "size": "x", "form": 3, "other": "y"},
        "--network_args",
    ) == (4, 2, None, "x", 3)


def test_a_user_error_of_a_file_is_passed_on(tmp_path):
    path = write(tmp_path / "old.py", "from engine.errors import UserError\nraise UserError('rename a to b')")
    with pytest.raises(UserError) as caught:
        load_file(path, "--trainer", "get_trainer")
    assert str(caught.value) == "rename a to b"


def test_a_folder_called_networks_is_beside_the_projects(tmp_path, capsys):
    folder = tmp_path / "networks"
    folder.mkdir()
    write(folder / "blocks_of_mine.py", "B = 7")
    write(folder / "layers.py", "B = 8")  # the project has one of that name
    path = write(
        folder / "mine.py",
        "from networks.blocks_of_mine import B\nfrom networks.layers import Staged\nimport blocks_of_mine\n"
        "def get_network(): return B, blocks_of_mine.B",
    )
    assert load_file(path, "--network", "get_network").get_network() == (7, 7)
    (line,) = capsys.readouterr().err.splitlines()
    assert "networks/layers.py: imports find the project's file of the same name" in line


def test_paths_are_not_read_as_numbers():
    found = pairs(["root=1e3", "cache=007", "size=1e3", "table=None", "subset=none"])
    assert found == {"root": "1e3", "cache": "007", "size": 1000.0, "table": None, "subset": None}
