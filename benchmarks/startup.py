"""Time of commands from the start of a process to its end, with cached files.

    python benchmarks/startup.py [--rounds 5] [--quick]

Targets: ``attn --help`` 1 s, ``attn tasks`` 2 s, the default Cora run 60 s (data present, two cores).
"""

import argparse
import statistics
import subprocess
import sys
import tempfile

from timing import interleaved

COMMANDS = {
    "attn --help": ["--help"],
    "attn tasks": ["tasks"],
    "attn train task=graph --help": ["train", "task=graph", "--help"],
}
TRAIN = ["train", "task=graph"]


def attn(arguments: list[str]) -> None:
    """Run one command in a new process and an empty directory, without output."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "suite.cli.main", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"attn {' '.join(arguments)} failed:\n{done.stderr}")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round, and a short run on made-up data")
    options = parser.parse_args(arguments)
    train = [*TRAIN, "data=graph/synthetic", "debug=one_pass"] if options.quick else TRAIN
    commands = {**COMMANDS, f"attn {' '.join(train)}": train}
    calls = {name: (lambda arguments=arguments: attn(arguments)) for name, arguments in commands.items()}
    samples = interleaved(calls, 1 if options.quick else options.rounds, least=0.0)
    width = max(map(len, samples))
    print(f"\n{'':{width}}   median s   fastest s")
    for name, times in samples.items():
        print(f"{name:{width}}  {statistics.median(times) / 1e3:9.2f}  {min(times) / 1e3:10.2f}")


if __name__ == "__main__":
    main()
