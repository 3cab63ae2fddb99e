"""``attn predict`` for scans: image files or folders in; class, probabilities, urgency and where it looked out."""

# B scans of a batch, H, W size of the view

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from suite.draw.image import overlay
from suite.errors import UserError
from tasks.oct.explain import enlarge
from tasks.oct.images import SUFFIXES, is_image, read_image
from tasks.oct.models.attention_cnn import ScanNet
from tasks.oct.view import Frame, look, make_view

logger = logging.getLogger(__name__)


class Seen(NamedTuple):
    """One file as read: its image (h, w), what the network sees of it (H, W), and the frame between the two."""

    path: Path
    image: np.ndarray
    pixels: np.ndarray
    frame: Frame


class ScanPredictor:
    """Classifies image files, a batch in memory at a time.

    Args:
        net: a trained network of this task.
        facts: what its checkpoint knows of the data: view, size, class names.
        urgent: classes that call for urgent referral; those the network does not know are left aside.
        flips: whether every scan is seen mirrored too, the scores averaged.
        unsure: a case whose best probability is below is marked for a person.
        overlays: a folder for pictures of where the network looked; None draws none.
        batch_size: scans looked at at once.
    """

    def __init__(
        self,
        net: ScanNet,
        facts: Mapping[str, Any],
        urgent: Sequence[str] = (),
        flips: bool = False,
        unsure: float = 0.7,
        overlays: str | None = None,
        batch_size: int = 32,
    ) -> None:
        if not 0.0 <= unsure <= 1.0:
            raise UserError(f"predict.unsure={unsure} is no probability; choose a number from 0 to 1")
        if batch_size < 1:
            raise UserError(f"predict.batch_size must be at least 1, got {batch_size}")
        if facts["num_channels"] != 1:
            raise UserError(
                "this checkpoint was trained on colour pictures; files are read as grey, so it cannot serve"
            )
        self.net, self.facts, self.flips, self.unsure = net.eval(), facts, flips, unsure
        self.view = make_view(facts["view"], facts["height"], facts["width"])
        self.urgent = [place for place, name in enumerate(facts["class_names"]) if name in urgent]
        self.overlays = None if overlays is None else Path(overlays)
        self.batch_size = batch_size

    def read(self, path: str) -> Iterator[Path]:
        """The image files of a folder and its folders, in order, or the one file; raises UserError where there is none.

        Files of a folder that are no images by their ending are left out, and the log says how many.
        """
        if path == "-":
            raise UserError("input=- is not possible for images; give a file or a folder")
        given = Path(path)
        if given.is_file():
            if not is_image(given):
                raise UserError(f"{given} is no image file ({', '.join(SUFFIXES)})")
            yield given
            return
        found, others = 0, 0
        for file in _files(given):
            if is_image(file):
                found += 1
                yield file
            else:
                others += 1
        if not found:
            raise UserError(f"input={path} has no image files ({', '.join(SUFFIXES)})")
        if others:
            logger.warning("%d files of %s are no images by their ending and were left out", others, path)

    def predict(self, records: Iterable[Path]) -> Iterator[dict[str, Any]]:
        """For every file: class, calibrated probabilities, urgency, whether a person should look, the overlay's path.

        Raises UserError naming a file that cannot be read.
        """
        paths = iter(records)
        while batch := list(islice(paths, self.batch_size)):
            seen = []
            for path in batch:
                image = read_image(path)
                seen.append(Seen(path, image, *look(self.view, image)))
            yield from self._predict(seen)

    def _predict(self, seen: list[Seen]) -> Iterator[dict[str, Any]]:
        pixels = torch.from_numpy(np.stack([one.pixels for one in seen]))[:, None].float() / 255.0
        shares, weights = self._look(pixels)
        maps = enlarge(weights, pixels.shape[2:]) if self.overlays is not None else None
        names: list[str] = self.facts["class_names"]
        for number, one in enumerate(seen):
            row = shares[number].tolist()
            best = max(range(len(names)), key=row.__getitem__)
            told = {
                "image": str(one.path),
                "label": names[best],
                "probability": round(row[best], 6),
                "probabilities": {name: round(share, 6) for name, share in zip(names, row, strict=True)},
                "urgent": best in self.urgent,
                "urgent_probability": round(sum(row[place] for place in self.urgent), 6),
                "for_a_person": row[best] < self.unsure,
            }
            if maps is not None:
                told["overlay"] = str(self._draw(one, maps[number].numpy()))
            yield told

    @torch.no_grad()
    def _look(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities (B, classes) and where each scan was looked at, (B, h, w)."""
        output = self.net(pixels)
        logits = output.logits
        if self.flips:
            logits = (logits + self.net(pixels.flip(3)).logits) / 2
        return self.net.calibrated(logits).exp(), output.weights.mean(1)

    def _draw(self, one: Seen, heat: np.ndarray) -> Path:
        """Write the overlay in the file's own size; its name holds the folder, so that equal names do not meet."""
        assert self.overlays is not None
        target = self.overlays / f"{one.path.parent.name}-{one.path.name}.png"
        try:
            self.overlays.mkdir(parents=True, exist_ok=True)
            Image.fromarray(overlay(one.image, one.frame.back(heat))).save(target)
        except OSError as error:
            raise UserError(f"the overlay {target} cannot be written: {error.strerror}; name another folder") from error
        return target


def _files(folder: Path) -> Iterator[Path]:
    """The files of a folder, then those of its folders, sorted by name; one folder's names in memory at a time."""
    entries = sorted(folder.iterdir())
    yield from (entry for entry in entries if entry.is_file() and not entry.name.startswith("."))
    for entry in entries:
        if entry.is_dir():
            yield from _files(entry)
