"""Weights & Biases on request. An error or a slow server never stops a run or makes it wait."""

import logging
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import WandbLogger

from suite.config.secrets import mask, mask_command
from suite.training.callbacks.signals import Interrupted
from suite.training.state.checkpoint_file import BEST, LAST

log = logging.getLogger(__name__)
PROBE_SECONDS = 3.0
RUN_ID = "wandb-id.txt"


class WandbRun(WandbLogger):
    """A W&B run inside the run directory: online where that works at once, otherwise offline.

    Without a key, or if the server does not answer within three seconds, the run is recorded offline in
    ``run_dir/wandb``. A warning gives the reason and the command that uploads it later. A resumed run has the same id,
    and so one curve. A failure of W&B is reported once and does not stop training. W&B's own start would stop without a
    key and try an unreachable network for 90 seconds.

    Args:
        group, job_type: of the W&B run; null takes WANDB_RUN_GROUP and WANDB_JOB_TYPE, which -m and sweeps set.
        checkpoints: upload best.ckpt and last.ckpt at the end.
        finish_seconds: time limit of closing; what the server has not received by then is left for ``wandb sync``.
    """

    def __init__(
        self,
        run_dir: Path,
        project: str,
        name: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: list[str] | None = None,
        offline: bool = False,
        checkpoints: bool = True,
        finish_seconds: float = 30.0,
    ) -> None:
        labels = {"project": project, "name": name or run_dir.name, "group": group, "job_type": job_type, "tags": tags}
        run = _start(run_dir, offline, finish_seconds, mask(labels))
        super().__init__(experiment=run)
        self.checkpoints, self.finish_seconds = checkpoints, finish_seconds
        self.folder, self.online, self.broken = Path(run.dir).parent, not run.offline, False

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log metrics over the axis ``trainer/global_step``."""
        with self._tolerant():
            super().log_metrics(metrics, step)

    def begin(self, config: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Record config and provenance as the config of the W&B run."""
        with self._tolerant():
            self.experiment.config.update({**config, "provenance": provenance}, allow_val_change=True)

    def leave(self, run_dir: Path, media: Mapping[str, Any]) -> None:
        """Upload checkpoints as one artifact, and tables and images. A thread does it, since the server may be slow."""
        thread = threading.Thread(target=self._leave, args=(run_dir, media), daemon=True)
        thread.start()
        thread.join(self.finish_seconds)
        if thread.is_alive():
            self.broken = True
            log.warning("W&B received no checkpoints within %g s. %s", self.finish_seconds, self._advice)

    def _leave(self, run_dir: Path, media: Mapping[str, Any]) -> None:
        import wandb

        with self._tolerant():
            for name, content in media.items():
                self.experiment.log({name: _table(content) if isinstance(content, list) else wandb.Image(content)})
            if self.checkpoints:
                artifact = wandb.Artifact(f"checkpoints-{self.experiment.id}", type="model")
                for name in (BEST, LAST):
                    if (run_dir / "checkpoints" / name).exists():
                        artifact.add_file(str(run_dir / "checkpoints" / name))
                self.experiment.log_artifact(artifact)

    def close(self, succeeded: bool) -> None:
        """Finish; log how to upload what the server has not received in time."""
        started = time.monotonic()
        with self._tolerant():
            self.experiment.finish(exit_code=0 if succeeded else 1)
        if self.online and not self.broken and time.monotonic() - started >= self.finish_seconds:
            log.warning("W&B did not answer for %g s. %s", self.finish_seconds, self._advice)

    @property
    def _advice(self) -> str:
        return f"Upload later with: wandb sync {self.folder}"

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        """Log the first error of W&B's client, and continue without it."""
        if self.broken:
            with suppress(Exception):
                yield
            return
        try:
            yield
        except Interrupted:
            raise
        except Exception as error:
            self.broken = True
            log.warning("W&B failed (%s: %s); the run continues. %s", type(error).__name__, error, self._advice)


def _start(run_dir: Path, offline: bool, finish_seconds: float, options: dict[str, Any]) -> Any:
    """Start the run, or resume the one whose id is in the run directory."""
    import wandb

    reason = "offline=true" if offline else _why_offline(wandb)
    path = run_dir / RUN_ID
    before = _run_id(path)
    settings = wandb.Settings(  # the provenance has the commit; W&B would add the address of the remote
        init_timeout=20, finish_timeout=finish_seconds, console="off", silent=True, disable_git=True
    )
    options = {**options, "dir": str(run_dir), "settings": settings, "id": before}
    run: Any = None
    if reason is None:
        try:
            with _masked_command():
                run = wandb.init(mode="online", resume="allow" if before else None, **options)
        except Exception as error:  # any error of W&B's client; none may stop a run
            reason = f"W&B did not start ({(str(error).splitlines() or [type(error).__name__])[0]})"
            wandb.teardown()  # otherwise its service process reports that the id is in use
    if run is None:
        with _masked_command():
            run = wandb.init(mode="offline", **options)
        log.warning("tracking offline: %s. Upload later with: wandb sync %s", reason, Path(run.dir).parent)
    path.write_text(f"{run.id}\n")
    return run


def _run_id(path: Path) -> str | None:
    """The id in the run directory, which names files: letters and digits; None if there is none or it is damaged."""
    before = path.read_text(errors="replace").strip() if path.is_file() and path.stat().st_size < 100 else ""
    return before if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", before) else None


@contextmanager
def _masked_command() -> Iterator[None]:
    """W&B records the command line of the process when a run starts."""
    words, sys.argv = sys.argv, mask_command(sys.argv)
    try:
        yield
    finally:
        sys.argv = words


def _table(rows: list[dict[str, Any]]) -> Any:
    import wandb

    columns: list[Any] = list(rows[0]) if rows else []
    return wandb.Table(columns=columns, data=[[row[name] for name in columns] for row in rows])


def _why_offline(wandb: Any) -> str | None:
    """Return why W&B cannot be used online, or None if it can."""
    mode = os.environ.get("WANDB_MODE", "online")
    if mode != "online":
        return f"WANDB_MODE={mode}"
    base_url = wandb.setup().settings.base_url
    try:
        urllib.request.urlopen(f"{base_url}/healthz", timeout=PROBE_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError:
        pass  # it answered, even if not on this path
    except OSError as error:  # first, because W&B checks a key for ten seconds if there is no network
        return f"{base_url} does not answer ({getattr(error, 'reason', error)})"
    try:  # finds the key; the start, which has its own time limit, tries it
        found = wandb.login(prompt=False, verify=False)
    except Exception as error:  # for example a malformed key, or a service process that does not answer
        return f"W&B rejects the key ({str(error).splitlines()[0]})"
    return None if found else "no API key (run `wandb login` or set WANDB_API_KEY)"
