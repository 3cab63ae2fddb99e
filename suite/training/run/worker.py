"""One of several processes of a run. It reads the resolved config from the run directory.

python -m suite.training.run.worker RUN_DIR RESUME        started by torch's elastic agent (suite.training.run.cluster)
"""

import json
import os
import sys
from pathlib import Path

from suite.errors import UserError
from suite.processes import die_with_parent


def main(run_dir: Path, resume: str | None) -> int:
    """Train in this process; return the exit code. The agent receives the reason of a failure."""
    die_with_parent()  # first, since the imports below take seconds
    import torch.distributed as dist
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    from suite.config.secrets import mask_logs
    from suite.console import quiet
    from suite.training.callbacks.signals import Interrupted
    from suite.training.config import RunConfig
    from suite.training.run.cluster import VALUES
    from suite.training.run.process import prepare, run
    from suite.training.run.resume import recorded, saved
    from suite.training.trusted import trusted_config

    quiet()
    mask_logs()
    reasons = get_error_handler()
    reasons.initialize()
    try:
        values = json.loads(os.environ.pop(VALUES, "[]"))
        config = RunConfig.parse(trusted_config(recorded(run_dir), run_dir / "config.yaml", values))
        checkpoint = saved(run_dir, resume) if resume else None
        run(config, run_dir, *prepare(config, checkpoint), checkpoint)
    except UserError as error:
        reasons.record_exception(error)
        return 2
    except Interrupted as stopped:
        return stopped.code
    except BaseException as error:
        reasons.record_exception(error)
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()  # gloo's threads abort a process that exits before this
    return 0


if __name__ == "__main__":
    code = main(Path(sys.argv[1]), sys.argv[2] or None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code) if code else sys.exit(0)  # after a failure, threads may wait in a collective
