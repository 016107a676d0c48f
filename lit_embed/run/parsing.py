"""The config reader's messages, which run over ten lines and end in the whole config, in one line that names the key."""

import difflib
import importlib
import inspect
import re
from pathlib import Path

import yaml

from lit_embed.errors import UserError

KEY = re.compile(r'Parser key "([^"]+)":')
CLASS = re.compile(r"Problem with given class_path '([^']+)'")
OPTION = re.compile(r"Option '([^']+)' is not accepted|does not accept option '([^']+)'")
HEADER = re.compile(r"(- )?(Parser key|Does not validate|Subtypes:|Errors:|Problem with given class_path|Given value)")
NOT_NONE = re.compile(r"(- )?Expected a <class 'NoneType'>")


def config_files(arguments: list[str]) -> list[str]:
    """The files named by --config (or -c) on a command line, in order."""
    files = []
    for argument, following in zip(arguments, [*arguments[1:], ""]):
        if argument in ("--config", "-c"):
            files.append(following)
        elif argument.startswith("--config="):
            files.append(argument.removeprefix("--config="))
    return files


def check_yaml(file: str) -> None:
    """Raises UserError, with the line, if a config is missing or not YAML: the reader behind us does not say which file."""
    try:
        content = yaml.safe_load(Path(file).read_text(encoding="utf8"))
    except FileNotFoundError:
        raise UserError(f"no config {file}; the ready ones are in configs/") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"config {file} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"config {file}{where} is not YAML: {getattr(error, 'problem', None) or error}") from error
    if not isinstance(content, dict):
        raise UserError(f"config {file} holds no keys: expected seed_everything, trainer, model and data")


def one_line(message: str) -> str:
    """What was wrong and under which key, out of a message of nested alternatives."""
    keys, class_path, leaf = [], "", ""
    for line in (line.strip() for line in message.splitlines()):
        keys += KEY.findall(line)
        class_path = (CLASS.findall(line) or [class_path])[-1]
        if line and not HEADER.match(line) and not NOT_NONE.match(line):
            leaf = line.removeprefix("- ")
            break
    leaf = leaf or message.splitlines()[0]
    where = ".".join(keys) + ": " if keys else ""
    option = OPTION.search(leaf)
    if option is None:
        return where + re.sub(r"<class '([\w.]+)'>", r"\1", leaf).replace("typing.", "")
    name = option[1] or option[2]
    return f"{where}unknown key {name!r}{_near(name, class_path)}"


def _near(name: str, class_path: str) -> str:
    """Which keys there are, the likeliest first if one is close."""
    if not class_path:
        return ""
    module, _, class_name = class_path.rpartition(".")
    known = [key for key in inspect.signature(getattr(importlib.import_module(module), class_name)).parameters]
    close = difflib.get_close_matches(name, known, 1)
    return f", did you mean {close[0]!r}?" if close else f": {class_name} has {', '.join(known)}"
