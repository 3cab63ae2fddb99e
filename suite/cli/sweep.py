"""``attn sweep``: many runs with values that optuna chooses, in a directory from which the sweep can resume."""

import json
from pathlib import Path

from suite.cli.options import split
from suite.config.record_files import check_links, read_json
from suite.config.secrets import MASK, mask_command
from suite.config.side_effects import VARIABLE
from suite.errors import UserError

__all__ = ["main"]

USAGE = """usage: attn sweep task=TASK KEY=SPACE ... [KEY=VALUE ...] [sweep.trials=20] [sweep.OPTION=VALUE ...]
       attn sweep resume=DIR [sweep.trials=40]

Spaces:   model.num_heads=choice(4,8)   model.dropout=interval(0,0.8)   optim.lr=tag(log,interval(1e-4,1e-1))
          model.head_dim=range(4,17,4)
Options:  sweep.trials=20        number of trials, those before an interruption included
          sweep.parallel=2       trials at the same time; sweep.devices=[0,1]: one GPU each, ["0,1","2,3"]: two each
          sweep.monitor=val/accuracy sweep.mode=max     default: the metric by which the task selects its weights
          sweep.prune=false      do not stop bad trials early;  sweep.warmup=5: evaluations before a trial may stop
          sweep.seed=0           seed of the sampler
          sweep.dir=DIR          default: a new directory below runs/sweeps
          sweep.wandb=FILE       write a sweep.yaml of W&B for the same space, and stop

Every trial is a process that runs `attn train`, with any trainer. The results are in sweep.csv and sweep.png."""


FREE = ("sweep.trials=", "sweep.parallel=", "sweep.devices=")
EFFECTS = ("hydra", "run_dir", "resume", "sweep.wandb")


def main(argv: list[str]) -> int:
    """Run or resume a sweep; return 0, or 1 if every trial failed."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if argv else 2
    if "--resume" in argv:
        raise UserError("--resume is not an option; resume a sweep with: attn sweep resume=DIR")
    from suite.config.compose import compose
    from suite.sweep.space import objective, parse, wandb_config

    words, folder = _resumed(argv) if any(word.startswith("resume=") for word in argv) else (argv, None)
    sweep = parse(words)
    example = [f"{item.key}={item.example}" for item in sweep.space]
    config = compose([*sweep.fixed, *example])  # raises UserError for a wrong key or preset before a trial starts
    if folder is not None:
        from suite.training.trusted import trusted_config

        again = [word for word in split(argv, ("resume",))[1] if not word.startswith(FREE)]
        trusted_config(config, folder / "sweep.json", again)
    monitor, mode = objective(sweep.options, config)
    if sweep.options.wandb:
        import yaml

        path = Path(sweep.options.wandb)
        path.write_text(yaml.safe_dump(wandb_config(sweep, config, path.with_suffix("")), sort_keys=False))
        print(f"wrote {path}; start it with: wandb sweep {path}, then wandb agent ID on every machine")
        return 0
    # Trials of a resumed sweep run what a file describes, on the data that the sweep began with.
    environment = {} if folder is None else {VARIABLE: "1"}
    return _run(words, folder or _new(sweep.options.dir), monitor, mode, environment)


def _run(words: list[str], folder: Path, monitor: str, mode: str, environment: dict[str, str]) -> int:
    from suite.sweep import report
    from suite.sweep.space import parse
    from suite.sweep.study import Study

    sweep = parse(words)
    study = Study(sweep, folder, monitor, mode, lambda line: print(line, flush=True), environment)
    (folder / "sweep.json").write_text(json.dumps({"words": mask_command(words)}) + "\n")
    try:
        study.run()
    except KeyboardInterrupt:
        print(f"attn: stopped; resume with: attn sweep resume={folder}")
        return 130
    found = report.rows(study.study, folder)
    report.write_table(found, folder / "sweep.csv")
    report.show(found, monitor)
    drawn = report.plot(found, [item.key for item in sweep.space], monitor, folder / "sweep.png")
    print(f"table     {folder / 'sweep.csv'}")
    print(f"plot      {folder / 'sweep.png'}" if drawn else "plot      none: pip install 'attention-suite[sweep]'")
    print(f"best      {found[0]['run']}")
    return 0 if any(row["state"] == "complete" for row in found) else 1


def _resumed(argv: list[str]) -> tuple[list[str], Path]:
    """The arguments that a sweep was started with and its directory; the number of trials may change."""
    options, more = split(argv, ("resume",))
    folder = Path(options["resume"])
    if not (folder / "sweep.json").is_file():
        raise UserError(f"resume={folder} is not the directory of a sweep: it has no sweep.json")
    recorded = recorded_words(folder / "sweep.json")
    again = {_key(word): word for word in more if not word.startswith(FREE)}
    for key in again:
        if key not in {_key(word) for word in recorded if _private(word)}:
            raise UserError(
                f"{key} cannot change when a sweep resumes; only sweep.trials, sweep.parallel and sweep.devices can"
            )
    words = [again.get(_key(word), word) for word in recorded]
    if missing := [word for word in words if _private(word) and _key(word) not in again]:
        raise UserError(
            f"{folder / 'sweep.json'} holds {missing[0][:80]}, which a file may not decide, or which was masked; pass "
            f"{_key(missing[0])}=VALUE again"
        )
    return [*words, *(word for word in more if word.startswith(FREE))], folder


def recorded_words(path: Path) -> list[str]:
    """The words of the command that began a sweep. Raises UserError for a file that holds anything else."""
    check_links(path.parent)
    words = read_json(path).get("words")
    if not isinstance(words, list) or not all(
        isinstance(word, str) and ("=" in word[1:] or word.startswith("~")) for word in words
    ):
        raise UserError(f"{path} is damaged: it holds no list of KEY=VALUE")
    if wrong := [word for word in words if word.lstrip("+~").startswith(EFFECTS) or word.startswith("-")]:
        raise UserError(f"{path} holds {wrong[0][:80]}, which a recorded sweep may not set; remove it there")
    return words


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _private(word: str) -> bool:
    """Whether a word must be typed again: a masked secret, the name of a class, an interpolation."""
    return MASK in word or "_target_" in word or "${" in word


def _new(named: str | None) -> Path:
    from suite.training.run import directory

    if named is None:
        return directory.new(Path("runs/sweeps"))
    folder = Path(named)
    if (folder / "sweep.json").exists():
        raise UserError(f"sweep.dir={folder} already holds a sweep; resume with: attn sweep resume={folder}")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
