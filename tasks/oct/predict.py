"""Predictions for scans: class, calibrated probabilities, urgency, and the attention to regions."""

# B scans of a batch, h, w size of an image, H, W size of the view, G heads

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from suite.attention.capture import capture_weights
from suite.attention_weights import AttentionWeights, Axis
from suite.data.tables import ENDINGS
from suite.draw.image import overlay
from suite.draw.picture import Picture
from suite.errors import UserError
from suite.predictor import Predictor
from suite.training.base_task_module import BaseTaskModule
from tasks.oct.batch import Bags, ScanBatch, ScanBatches
from tasks.oct.explain import enlarge
from tasks.oct.images import SUFFIXES, grey_image, grey_values, is_image, read_image
from tasks.oct.models.vit import VisionTransformer
from tasks.oct.readers.class_folders import ClassFolders
from tasks.oct.readers.listed_images import read_images
from tasks.oct.readers.scan_table import ScanTable
from tasks.oct.view import Frame, look, make_view

logger = logging.getLogger(__name__)


class GivenImage(NamedTuple):
    """An image of a user: its name, a short name for its picture, and its grey values (h, w) uint8."""

    name: str
    title: str
    grey: np.ndarray


class ClassifiedImage(NamedTuple):
    """An image and what the network computed for it.

    Args:
        image: as given.
        frame: from the view back to the image.
        size: (H, W) of the view.
        probabilities: calibrated probability of each class.
        pooling: attention of the pooling to the regions (G, rows, columns).
        blocks: self-attention of the blocks by name (heads, positions, positions), if it was requested.
    """

    image: GivenImage
    frame: Frame
    size: tuple[int, int]
    probabilities: list[float]
    pooling: Tensor
    blocks: dict[str, Tensor]


class ScanPredictor(Predictor[GivenImage, ClassifiedImage]):
    """Classifies images. A record is the path of a file, an array (h, w) or (h, w, 3), or a PIL image.

    Args:
        module, facts, data: as in ``Predictor``.
        urgent: names of the classes that need urgent referral.
        flips: whether scores are the mean over the scan and the mirrored scan.
        unsure: a case whose largest probability is below is marked for review by a person.
        batch_size: number of scans in a forward pass.

    Raises UserError for a model of colour images, since images are read as grey values.
    """

    def __init__(
        self,
        module: BaseTaskModule,
        facts: Mapping[str, Any],
        *,
        urgent: Sequence[str],
        flips: bool,
        unsure: float,
        batch_size: int,
        data: Callable[[], Any] | None = None,
    ) -> None:
        super().__init__(module, facts, batch_size=batch_size, data=data)
        if not 0.0 <= unsure <= 1.0:
            raise UserError(f"predict.unsure must be from 0 to 1, got {unsure}")
        if facts["num_channels"] != 1:
            raise UserError("the model was trained on colour images, but images are read as grey values")
        self.flips, self.unsure = flips, unsure
        self.view = make_view(facts["view"], facts["height"], facts["width"])
        self.urgent = [place for place, name in enumerate(facts["class_names"]) if name in urgent]

    def read(self, path: str) -> Iterator[GivenImage]:
        """Yield the image of a file, or the images of a folder and its folders, in order.

        Other files of a folder are skipped with a warning. Raises UserError if there is no image.
        """
        if path == "-":
            raise UserError("input=- is not possible for images; give a file or a folder")
        given = Path(path)
        if given.is_file():
            if not is_image(given):
                raise UserError(f"{given} is not an image file ({', '.join(SUFFIXES)})")
            yield self.as_record(given)
            return
        found, others = 0, 0
        for file in _files(given):
            if is_image(file):
                found += 1
                yield self.as_record(file)
            else:
                others += 1
        if not found:
            raise UserError(f"input={path} has no image files ({', '.join(SUFFIXES)})")
        if others:
            logger.warning("%d files of %s are not images by their names and were skipped", others, path)

    def as_record(self, given: Any) -> GivenImage:
        """Return the image of a path, an array or a PIL image."""
        if isinstance(given, GivenImage):
            return given
        if isinstance(given, (str, Path)):
            path = Path(given)
            return GivenImage(str(path), f"{path.parent.name}-{path.name}", read_image(path))
        if isinstance(given, Image.Image):
            name = getattr(given, "filename", "") or f"image of {given.width} x {given.height} pixels"
            return GivenImage(str(name), Path(str(name)).name, grey_image(given, str(name)))
        if isinstance(given, np.ndarray):
            name = f"array of shape {given.shape}"
            return GivenImage(name, "array", grey_values(given, name))
        raise UserError(f"a record must be a path, an array or a PIL image, got {type(given).__name__}")

    def run(self, records: list[GivenImage], attention: bool) -> Iterator[ClassifiedImage]:
        """Classify one batch of images."""
        seen = [look(self.view, record.grey) for record in records]
        pixels = torch.from_numpy(np.stack([view for view, _ in seen]))[:, None].float() / 255.0
        pixels = pixels.to(self.device)
        blocks: dict[str, Tensor] = {}
        if attention and isinstance(self.net, VisionTransformer):
            with capture_weights(self.net) as captured:
                output = self.net(pixels)
            blocks = {name: maps[0].cpu() for name, maps in captured.items() if name.startswith("blocks")}
        else:
            output = self.net(pixels)
        logits = (output.logits + self.net(pixels.flip(3)).logits) / 2 if self.flips else output.logits
        probabilities = self.net.calibrated(logits).exp().tolist()
        size = (pixels.shape[2], pixels.shape[3])
        for number, (record, (_, frame)) in enumerate(zip(records, seen, strict=True)):
            own = {name: maps[number] for name, maps in blocks.items()}
            yield ClassifiedImage(record, frame, size, probabilities[number], output.weights[number].cpu(), own)

    def answer(self, result: ClassifiedImage) -> dict[str, Any]:
        """Return class, calibrated probabilities, urgency, and whether a person should review the case."""
        shares, names = result.probabilities, self.facts["class_names"]
        best = max(range(len(names)), key=shares.__getitem__)
        return {
            "image": result.image.name,
            "label": names[best],
            "probability": round(shares[best], 6),
            "probabilities": {name: round(share, 6) for name, share in zip(names, shares, strict=True)},
            "urgent": best in self.urgent,
            "urgent_probability": round(sum(shares[place] for place in self.urgent), 6),
            "unsure": shares[best] < self.unsure,
        }

    def weights(self, result: ClassifiedImage) -> dict[str, AttentionWeights]:
        """Return ``pooling`` (heads, patches) and, of a vision transformer, each block (heads, patches, patches)."""
        rows, columns = result.pooling.shape[1:]
        heads, patches = Axis("heads"), Axis("patches", grid=(rows, columns))
        found = {"pooling": AttentionWeights("pooling", result.pooling.flatten(1).numpy(), (heads, patches))}
        for name, maps in result.blocks.items():
            summaries = maps.shape[-1] - rows * columns
            labels = [f"global {number}" for number in range(summaries)]
            labels += [f"{place // columns}, {place % columns}" for place in range(rows * columns)]
            positions = Axis("patches", labels=tuple(labels)) if summaries else patches
            found[name] = AttentionWeights(name, maps.numpy(), (heads, positions, positions))
        return found

    def picture(self, result: ClassifiedImage) -> Picture:
        """Return the image in its own size, with the mean attention of the pooling as colours."""
        heat = enlarge(result.pooling.mean(0)[None], result.size)[0].numpy()
        return Picture.from_pixels(result.image.title, overlay(result.image.grey, result.frame.back(heat)))

    def labelled_batches(self, path: str) -> Iterator[ScanBatch]:
        """Yield the batches of a folder with one folder for each class, or of a table with ``image`` and ``label``.

        Raises UserError for a class that training lacks.
        """
        table = path.lower().endswith(ENDINGS)
        images = (ScanTable(path, "image", "label", None, None) if table else ClassFolders(path, None)).images()
        names: list[str] = self.facts["class_names"]
        for image in images:
            if image.label not in names:
                raise UserError(
                    f"{image.place}: the label {image.label!r} is not a class of the model: {', '.join(names)}"
                )
        labels = np.array([names.index(image.label) for image in images], dtype=np.int64)
        scans = replace(read_images(images, self.view), labels=labels, class_names=names)
        yield from ScanBatches(scans, Bags.single(np.arange(len(scans))), self.batch_size or len(scans))


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, then those of its folders, sorted by name."""
    entries = sorted(folder.iterdir())
    yield from (entry for entry in entries if entry.is_file() and not entry.name.startswith("."))
    for entry in entries:
        if entry.is_dir():
            yield from _files(entry)
