"""Files that the user names: imported by path, and called with the words that their functions name."""

import ast
import difflib
import functools
import hashlib
import importlib
import importlib.util
import inspect
import os
import sys

from engine.errors import MissingError, UserError
from engine.files import PROJECT

# the project's folders that files import from, as in networks.layers
PACKAGES = ("engine", "eval", "iterators", "losses", "networks", "trainers")


def find(path):
    """The file that a command line means: a relative one in the working folder, else in the project."""
    inside = os.path.join(PROJECT, path)
    return inside if os.path.isfile(inside) and not os.path.isfile(path) else path


def named(path):
    """How a run records a file: one of the project by its path in it, as in networks/small.py, another by its
    absolute path. A file that is not there keeps the name that it was given.
    """
    if not os.path.isfile(path):
        return path
    inside = os.path.relpath(os.path.realpath(path), os.path.realpath(PROJECT))
    return os.path.abspath(path) if inside.startswith("..") else inside.replace(os.sep, "/")


def located(name):
    """Where the file is that a run has recorded as `name`: in the project, or (older runs) from the working
    folder on."""
    inside = os.path.join(PROJECT, name)
    return inside if os.path.isfile(inside) else name


def other_clone(name):
    """The path inside the project of a file that was recorded by an absolute path in another clone of it;
    else None.

    A folder that is gone counts as a clone if its file has the path of one of the project's; one that is
    there must hold the launcher.
    """
    parts = name.replace("\\", "/").split("/") if os.path.isabs(name) else []
    for i in range(1, len(parts) - 1):
        root, inside = "/".join(parts[:i]) or "/", "/".join(parts[i:])
        if os.path.isfile(os.path.join(PROJECT, inside)):
            clone = not os.path.isdir(root) or os.path.isfile(os.path.join(root, "task_launcher.py"))
            return inside if clone else None
    return None


def same_text(a, b):
    """Whether two files hold the same lines, however these end."""
    texts = []
    for path in (a, b):
        with open(path, "rb") as file:
            texts.append(file.read().replace(b"\r\n", b"\n"))
    return texts[0] == texts[1]


def load_file(path, flag, function):
    """The module at `path` (see find), which must define `function`; `flag` names it in errors.

    Files beside it can be imported, see neighbours(). A file is executed once, however often it is asked for.
    Raises MissingError if there is no such file, UserError if it does not import or lacks the function; a
    UserError that the file itself raises while it is executed is passed on as it is.
    """
    found = find(path)
    if not os.path.isfile(found):
        raise MissingError(f"{flag}: no file {path}{_near(path)}")
    module = _executed(os.path.abspath(found), flag)
    if not callable(getattr(module, function, None)):
        raise UserError(
            f"{flag}: {named(found)} has no function {function}(...); add it, or use another file"
        )
    return module


@functools.cache
def _executed(path, flag):
    shown = named(path)
    neighbours(path)
    name = f"loaded_{hashlib.sha256(path.encode()).hexdigest()[:8]}_{os.path.basename(path).split('.')[0]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise UserError(f"{flag}: {shown} is not a Python file; use one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # worker processes look classes up by module name
    try:
        spec.loader.exec_module(module)
    except UserError:  # says itself what is wrong with the file
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise UserError(
            f"{flag}: {shown} does not import: {type(error).__name__}: {error}; mend the file "
            "(--traceback shows where)"
        ) from error
    return module


def neighbours(path):
    """Lets the file at `path` import what lies beside it: blocks.py as `blocks`, after the standard library
    and installed packages; and from a folder of the user's with the name of one of the project's, as
    `networks.blocks`, beside the project's own modules. Where both have a file of one name the project's is
    imported, and one line says so.
    """
    folder = os.path.dirname(path)
    if os.path.realpath(folder) == os.path.realpath(PROJECT):
        return
    hidden = []
    if folder not in sys.path:
        sys.path.append(folder)
        hidden = [os.path.join(folder, n) for n in _modules(folder) if n.removesuffix(".py") in PACKAGES]
    # the file's own folder may be called networks, or a folder of that name may stand in it or beside it
    for parent in (folder, os.path.dirname(folder)):
        for package in PACKAGES:
            theirs, ours = os.path.join(parent, package), os.path.join(PROJECT, package)
            if not os.path.isdir(theirs) or os.path.realpath(theirs) == os.path.realpath(ours):
                continue
            search = importlib.import_module(package).__path__
            if theirs not in search:
                search.append(theirs)
                both = set(_modules(theirs)) & set(_modules(ours))
                hidden += [os.path.join(theirs, name) for name in sorted(both)]
    hidden = [name for name in hidden if name != path]
    if hidden and os.environ.get("RANK", "0") == "0":
        more = f" and {len(hidden) - 3} more" if len(hidden) > 3 else ""
        print(
            f"note: {', '.join(hidden[:3])}{more}: imports find the project's file of the same name; rename "
            "yours to import it",
            file=sys.stderr,
        )


def _modules(folder):
    return [name for name in os.listdir(folder) if name.endswith(".py") and name != "__init__.py"]


def _near(path):
    given, there = os.path.dirname(path) or ".", []
    for folder in (given, os.path.join(PROJECT, given)):
        if os.path.isdir(folder):
            there += [name for name in os.listdir(folder) if name.endswith(".py")]
    close = difflib.get_close_matches(os.path.basename(path), sorted(set(there)), 3, 0.4)
    return f"; there is {' or '.join(os.path.join(given, name) for name in close)}" if close else ""


# what an option whose default is of this type takes, None apart
KINDS = {bool: (bool, "True or False"), int: (int, "a whole number"), float: ((int, float), "a number")}


def call(function, offered, words, flag, others=()):
    """function(**those of `offered` that it names, **words).

    offered: what the launcher knows (data_shape, ...); words: the user's, from the flag of that name; others:
    words of that flag that went elsewhere. Raises UserError for a word that the function does not take, one
    that it needs and does not get, or one of another type than its default.
    """
    parameters = inspect.signature(function).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [] if takes_any else [w for w in words if w not in named]
    own = [n for n in named if n not in offered]
    if unknown:
        raise UserError(f"{flag}: given {unknown[0]}=...; use {', '.join([*others, *own]) or 'no word'}")
    arguments = {n: v for n, v in offered.items() if n in named} | words
    missing = [n for n, p in parameters.items() if n in named and p.default is p.empty and n not in arguments]
    if missing:
        raise UserError(f"{flag}: needs {missing[0]}=...; add it")
    for name, value in words.items():
        types, wanted = KINDS.get(
            type(parameters[name].default) if name in parameters else None, (object, "")
        )
        if value is not None and (
            not isinstance(value, types) or (wanted and isinstance(value, bool) and types is not bool)
        ):
            raise UserError(f"{flag}: given {name}={value}; must be {wanted}")
    return function(**arguments)


def literal(text):
    """A number, True, False, None, tuple, list or dict as Python writes them; any other text is itself.
    Nothing is evaluated."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):  # for odd text
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


# words that are paths, or parts of names: what is written is meant, whatever number it looks like
PATHS = ("root", "cache", "base", "photos", "table", "npz", "embedding")


def pairs(words):
    """["width=64", "norm=vbn", "my/own.py=0.3"] -> {"width": 64, "norm": "vbn", "my/own.py": 0.3}: keys are
    names, or paths of Python files. Raises ValueError, naming the word that is not key=value."""
    result = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not name.isidentifier() and ".py=" in word:  # a path may hold any character
            start, sign, value = word.partition(".py=")
            name = start + ".py"
        elif not sign or not name.isidentifier():
            raise ValueError(f"given {word!r}; use key=value")
        result[name] = value if name in PATHS and literal(value) is not None else literal(value)
    return result
