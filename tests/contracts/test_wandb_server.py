"""W&B online, against a small server of our own: it dies in the middle, it hangs at the end, a run goes on."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import wandb

from suite.config.compose import compose
from suite.training.base_task_module import BaseTaskModule
from suite.training.run.launch import launch
from suite.training.state import checkpoint_file
from tests.training import forked
from tests.waiting import wait_until

SMALL = ["task=graph", "data=graph/synthetic", "debug=short", "logger=wandb", "logger.wandb.finish_seconds=4"]
SMALL += ["logger.wandb.checkpoints=false"]  # the stand-in knows no artifacts


class Server:
    """Speaks the calls of W&B's start and takes whatever else it is given."""

    def __init__(self) -> None:
        self.hang = threading.Event()  # answer nothing any more
        self.dead = False
        self.queries: list[dict[str, Any]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                wait_until(lambda: not server.hang.is_set(), 600)
                if server.dead:  # connections that are open end too
                    self.close_connection = True
                    self.connection.close()
                    return
                content = server.reply(body) if self.path.endswith("/graphql") else {}
                text = json.dumps(content).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()

    def reply(self, body: bytes) -> dict[str, Any]:
        asked = json.loads(body or b"{}")
        self.queries.append(asked)
        text, variables = asked.get("query", ""), asked.get("variables", {})
        if "viewer" in text.lower() and "upsertBucket" not in text:
            viewer = {"id": "1", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}
            return {"data": {"viewer": viewer, "serverInfo": {"features": [], "cliVersionInfo": {}}}}
        if "RunResumeStatus" in text:
            return {"data": {"model": {"id": "m", "name": "p", "entity": {"id": "e", "name": "me"}, "bucket": None}}}
        if "upsertBucket" in text:
            name = variables.get("name") or "run"
            project = {"name": "p", "entity": {"name": "me"}}
            bucket = {
                "id": "b",
                "name": name,
                "displayName": name,
                "config": "{}",
                "sweepName": None,
                "project": project,
            }
            return {"data": {"upsertBucket": {"bucket": {**bucket, "historyLineCount": 0}, "inserted": True}}}
        return {"errors": [{"message": "not spoken here"}]}

    def ids(self) -> set[str]:
        """The runs that the server was told of."""
        upserts = [query for query in self.queries if "upsertBucket" in query.get("query", "")]
        return {query["variables"]["name"] for query in upserts if query["variables"].get("name")}

    def kill(self) -> None:
        self.dead = True
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    wandb.teardown()  # a client that was started before knows another address
    found = Server()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_BASE_URL", found.url)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    yield found
    found.hang.clear()
    found.kill()
    wandb.teardown()


def result(run_dir: Path) -> dict[str, Any]:
    found = json.loads((run_dir / "result.json").read_text())
    return {key: value for key, value in found.items() if key not in ("fit_seconds", "run_dir")}


@pytest.mark.parametrize("fate", ["lives", "dies", "hangs"])
def test_whatever_the_server_does_training_ends_with_the_same_numbers(
    fate: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "suite")
    alone = launch(compose([*SMALL[:3], f"run_dir={tmp_path / 'alone'}"]))
    report, reported = BaseTaskModule.report, 0

    def counted(self: BaseTaskModule, metrics: Any) -> None:
        nonlocal reported
        reported += 1
        if reported == 20 and fate == "dies":
            server.kill()
        if reported == 20 and fate == "hangs":
            server.hang.set()
        report(self, metrics)

    monkeypatch.setattr(BaseTaskModule, "report", counted)
    started = time.monotonic()
    run = launch(compose([*SMALL, f"run_dir={tmp_path / 'run'}"]))
    assert time.monotonic() - started < 90  # start and training on a busy machine among them
    assert result(run) == result(alone)
    assert "tracking offline" not in caplog.text
    assert ("wandb sync" in caplog.text) == (fate != "lives"), caplog.text
    assert server.ids() == {(run / "wandb-id.txt").read_text().strip()}


@pytest.mark.slow
def test_a_run_that_goes_on_stays_the_same_run_there(server: Server, tmp_path: Path) -> None:
    config = compose([*SMALL, "module.passes=7", "selection.patience=null", "checkpoints.every_steps=3"])
    run_dir = forked.begin(config, tmp_path / "run")
    process = forked.start(forked.work, {**config, "trainer": {**config["trainer"], "max_steps": 10**6}}, run_dir)
    wait_until(lambda: forked.alive(process) and (run_dir / "checkpoints/last.ckpt").exists(), 120)
    os.kill(process.pid, signal.SIGTERM)
    assert forked.join([process]) == [143]
    (before,) = server.ids()
    step = checkpoint_file.recover(run_dir / "checkpoints")[1]["global_step"]
    config = {**config, "trainer": {**config["trainer"], "max_steps": step + 5}}
    assert forked.join([forked.start(forked.work, config, run_dir, str(run_dir))]) == [0]
    assert server.ids() == {before} == {(run_dir / "wandb-id.txt").read_text().strip()}
