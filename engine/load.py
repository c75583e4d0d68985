"""Files that the user names: imported by path, and called with the words that their functions name."""

import ast
import difflib
import functools
import hashlib
import importlib.util
import inspect
import os
import sys

from engine.errors import MissingError, UserError


@functools.lru_cache(maxsize=None)
def load_file(path, flag, function):
    """The module at `path`, which must define `function`; `flag` names it in errors. Its folder joins the import path.

    Raises MissingError if there is no such file, UserError if it does not import or lacks the function.
    """
    if not os.path.isfile(path):
        raise MissingError(f"{flag}: no file {path}{_near(path)}")
    folder = os.path.dirname(os.path.abspath(path))
    if folder not in sys.path:
        sys.path.append(folder)
    name = f"loaded_{hashlib.sha256(os.path.abspath(path).encode()).hexdigest()[:8]}_{os.path.basename(path).split('.')[0]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise UserError(f"{flag}: {path} is not a Python file (.py)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # worker processes look classes up by module name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{flag}: {path} does not import: {type(error).__name__}: {error}") from error
    if not callable(getattr(module, function, None)):
        raise UserError(f"{flag}: {path} has no function {function}(...)")
    return module


def _near(path):
    folder = os.path.dirname(path) or "."
    there = [f for f in os.listdir(folder) if f.endswith(".py")] if os.path.isdir(folder) else []
    close = difflib.get_close_matches(os.path.basename(path), there, 3, 0.4)
    return f"; there is {' or '.join(os.path.join(folder, c) for c in close)}" if close else ""


# what an option whose default is of this type takes, None apart
KINDS = {bool: (bool, "True or False"), int: (int, "a whole number"), float: ((int, float), "a number")}


def call(function, offered, words, flag, others=()):
    """function(**those of `offered` that it names, **words). Raises UserError for a word it does not take, one it misses, or one of another type than its default.

    `offered`: what the launcher knows (data_shape, ...); `words`: the user's, from the flag of that name; `others`: words of that flag that went elsewhere.
    """
    parameters = inspect.signature(function).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = [n for n, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    unknown = [] if takes_any else [w for w in words if w not in named]
    own = [n for n in named if n not in offered]
    if unknown:
        raise UserError(f"{flag}: given {unknown[0]}=...; {', '.join([*others, *own]) or 'no word'} would do")
    arguments = {n: v for n, v in offered.items() if n in named} | words
    missing = [n for n, p in parameters.items() if n in named and p.default is p.empty and n not in arguments]
    if missing:
        raise UserError(f"{flag}: {missing[0]}=... is needed")
    for name, value in words.items():
        types, wanted = KINDS.get(
            type(parameters[name].default) if name in parameters else None, (object, "")
        )
        if value is not None and (
            not isinstance(value, types) or (wanted and isinstance(value, bool) and types is not bool)
        ):
            raise UserError(f"{flag}: given {name}={value}; {wanted} would do")
    return function(**arguments)


def literal(text):
    """A number, True, False, None, tuple, list or dict as Python writes them; any other text is itself. Nothing is evaluated."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def pairs(words):
    """["width=64", "norm=vbn"] -> {"width": 64, "norm": "vbn"}. Raises ValueError, naming the word that is not key=value."""
    result = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.isidentifier():
            raise ValueError(f"given {word!r}; key=value would do")
        result[name] = literal(value)
    return result
