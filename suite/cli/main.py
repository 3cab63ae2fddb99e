"""The console script ``attn``: a command and its arguments. Only the module of that command is imported."""

import importlib
import os
import sys
import traceback
from typing import NamedTuple

from suite.config.secrets import mask_logs, mask_text
from suite.console import quiet
from suite.errors import UserError, did_you_mean

__all__ = ["main"]


class Command(NamedTuple):
    """The module of a command, one line of help, and an example."""

    module: str
    line: str
    example: str = ""


COMMANDS = {
    "train": Command("suite.cli.train", "train a model and evaluate it", "attn train task=graph"),
    "eval": Command("suite.cli.evaluate", "evaluate a checkpoint", "attn eval ckpt=PATH"),
    "predict": Command("suite.cli.predict", "apply a checkpoint to your files", "attn predict ckpt=PATH input=FILE"),
    "sweep": Command("suite.cli.sweep", "search for good values with optuna", "attn sweep task=T optim.lr=choice(..)"),
    "find": Command("suite.cli.find", "find a learning rate or a batch size", "attn find lr task=T"),
    "tasks": Command("suite.cli.tasks", "list the tasks", "attn tasks"),
    "data": Command("suite.cli.data", "list, download or verify data sets", "attn data get cora"),
}
TRACEBACK = "--traceback"
USAGE = """attn: train and use attention models for graphs, documents, histories, speech and images

usage: attn COMMAND [KEY=VALUE ...]

{commands}

attn COMMAND --help describes a command. --traceback shows the traceback of an error.
Tab completion in bash: eval "$(attn -sc install=bash)"; also for zsh and fish.
"""


def main(argv: list[str] | None = None) -> int:
    """Run one command; return its exit code: 0, or 2 after a message about invalid input."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments[:1] == ["-sc"]:
        return _completion(arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        lines = "\n".join(f"  {name:<8} {one.line:<36} {one.example}" for name, one in COMMANDS.items())
        print(USAGE.format(commands=lines))
        return 0
    name, rest = arguments[0], arguments[1:]
    traceback_wanted = TRACEBACK in rest
    quiet()
    mask_logs()
    try:
        if name not in COMMANDS:
            raise UserError(f"'{name}' is not a command of attn.{did_you_mean(name, COMMANDS)}")
        command = importlib.import_module(COMMANDS[name].module)
        if any(word.lower() == "debug=true" for word in rest):
            raise UserError(
                f"debug=true is not known; {TRACEBACK} shows the traceback of an error, debug=one_pass and debug=short "
                "shorten a run"
            )
        return command.main([word for word in rest if word != TRACEBACK])
    except UserError as error:
        if traceback_wanted:
            traceback.print_exc()
        print(f"attn: {mask_text(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe ended first, as in `attn tasks | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _completion(arguments: list[str]) -> int:
    """Print completions: commands and presets from here, the keys of ``attn train`` from Hydra.

    Hydra completes neither presets in folders (``data=graph/cora``) nor programs with commands, so the command is
    removed from the line that Hydra completes.
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
