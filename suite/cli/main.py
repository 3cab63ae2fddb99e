"""The console script ``attn``: one command word, then what that command takes. Imports only what the command needs."""

import importlib
import os
import sys
import traceback
from typing import NamedTuple

from suite.console import quiet
from suite.errors import UserError, did_you_mean


class Command(NamedTuple):
    """Where a command lives and what it is for."""

    module: str
    line: str


COMMANDS = {
    "train": Command("suite.cli.train", "train a task, evaluate it once, record the run     attn train task=graph"),
    "sweep": Command(
        "suite.cli.sweep", "train many times, with values chosen by optuna     attn sweep task=T optim.lr=choice(..)"
    ),
    "find": Command("suite.cli.find", "find a learning rate or a size of batches           attn find lr|batch task=T"),
    "eval": Command(
        "suite.cli.evaluate", "measure a checkpoint again                         attn eval ckpt=PATH [split=test]"
    ),
    "predict": Command(
        "suite.cli.predict", "apply a checkpoint to your own files               attn predict ckpt=PATH input=PATH"
    ),
    "tasks": Command("suite.cli.tasks", "list the tasks, those of installed packages too"),
    "data": Command("suite.cli.data", "list, fetch or verify data sets                    attn data [get|verify NAME]"),
}
USAGE = """attn: attention on graphs, documents, histories, speech and images, on one core and one trainer

usage: attn COMMAND [KEY=VALUE ...]

{commands}

attn COMMAND --help tells more. debug=true shows the traceback of an error.
Tab completion for this shell: eval "$(attn -sc install=bash)"   (or zsh, fish)
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0, or 2 after a message for bad input."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["-sc"]:
        return _completion(arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        lines = "\n".join(f"  {name:<8} {command.line}" for name, command in COMMANDS.items())
        print(USAGE.format(commands=lines))
        return 0
    name, rest = arguments[0], arguments[1:]
    debug = any(word in ("debug=true", "debug=True") for word in rest)
    quiet()
    try:
        if name not in COMMANDS:
            raise UserError(f"'{name}' is not a command of attn.{did_you_mean(name, COMMANDS)}")
        command = importlib.import_module(COMMANDS[name].module)
        return command.main([word for word in rest if word.lower() != "debug=true"])
    except UserError as error:
        if debug:
            traceback.print_exc()
        print(f"attn: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `attn tasks | head` closed the pipe: not an error of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _completion(arguments: list[str]) -> int:
    """Tab completion: command words and presets here, keys behind ``attn train`` by Hydra.

    Hydra completes neither presets in folders (``data=graph/cora``) nor programs with command words, so the word is
    taken out of the line it is asked about.
    """
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    last = "" if line.endswith(" ") or not words else words[-1]
    if arguments[1:2] and arguments[1].startswith("query="):
        if len(words) < 2 or (len(words) == 2 and last):
            print(" ".join(COMMANDS))
            return 0
        if words[1] != "train":
            return 0
        from suite.config.packages import options

        group, equals, _ = last.partition("=")
        if equals and (presets := options(group)):
            print(" ".join(f"{group}={preset}" for preset in presets if f"{group}={preset}".startswith(last)))
            return 0
        os.environ["COMP_LINE"] = words[0] + line.split("train", 1)[1]
    from suite.cli.train import main as train

    return train(arguments)


if __name__ == "__main__":
    sys.exit(main())
