"""Image files of every kind, and those that are none: defined, or an error naming the file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from suite.errors import UserError
from tasks.oct.images import read_image

GREY = np.random.default_rng(0).integers(0, 256, (11, 17), dtype=np.uint8)


@pytest.mark.parametrize("ending", ["png", "tif", "bmp"])
def test_grey_files_are_read_exactly(ending: str, tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / f"x.{ending}")
    np.testing.assert_array_equal(read_image(tmp_path / f"x.{ending}"), GREY)


def test_jpeg_is_read_nearly(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(40), np.arange(50)).astype(np.uint8) * 2
    Image.fromarray(smooth).save(tmp_path / "x.jpeg", quality=95)
    assert np.abs(read_image(tmp_path / "x.jpeg").astype(int) - smooth).max() < 8


def test_colours_and_palettes_become_luminance(tmp_path: Path) -> None:
    Image.fromarray(np.stack([GREY] * 3, axis=2)).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(read_image(tmp_path / "rgb.png"), GREY)
    Image.fromarray(GREY // 2 * 2).convert("P").save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_image(tmp_path / "palette.png"), GREY // 2 * 2)


def test_transparent_pixels_are_black(tmp_path: Path) -> None:
    alpha = np.where(np.arange(17) < 9, 255, 0).astype(np.uint8)
    layers = [GREY, GREY, GREY, np.broadcast_to(alpha, GREY.shape)]
    Image.fromarray(np.stack(layers, axis=2)).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), np.where(alpha > 0, GREY, 0))


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_scaled_to_their_brightest(ending: str, tmp_path: Path) -> None:
    wide = GREY.astype(np.uint16) * 16  # a scanner's 12 bits
    Image.fromarray(wide).save(tmp_path / f"x.{ending}")
    expected = np.rint(wide * (255.0 / wide.max()))
    np.testing.assert_array_equal(read_image(tmp_path / f"x.{ending}"), expected)


def test_a_black_file_of_sixteen_bits_stays_black(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png").max() == 0


def test_dicom_is_read_and_inverted_where_it_says_so(tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    for meaning in ("MONOCHROME1", "MONOCHROME2"):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = SecondaryCaptureImageStorage, generate_uid()
        content = FileDataset(str(tmp_path / "x.dcm"), {}, file_meta=meta, preamble=b"\0" * 128)
        content.Rows, content.Columns, content.SamplesPerPixel = *GREY.shape, 1
        content.PhotometricInterpretation = meaning
        content.BitsAllocated = content.BitsStored = 8
        content.HighBit, content.PixelRepresentation, content.PixelData = 7, 0, GREY.tobytes() + b"\0"
        pydicom.dcmwrite(tmp_path / "x.dcm", content)
        expected = GREY.max() - GREY if meaning == "MONOCHROME1" else GREY
        np.testing.assert_array_equal(read_image(tmp_path / "x.dcm"), expected)
    (tmp_path / "x.dcm").write_bytes(b"no scan")
    with pytest.raises(UserError, match=r"x\.dcm cannot be read as DICOM"):
        read_image(tmp_path / "x.dcm")


def _bad(kind: str, path: Path) -> None:
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not an image at all")
    elif kind == "truncated":
        Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 90), dtype=np.uint8)).save(path, format="PNG")
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "one pixel":
        Image.fromarray(GREY[:1, :1]).save(path, format="PNG")
    elif kind == "several":
        pages = [Image.fromarray(GREY)] * 3
        pages[0].save(path, format="TIFF", save_all=True, append_images=pages[1:])
    elif kind == "nan":
        values = GREY.astype(np.float32)
        values[3, 4] = np.nan
        Image.fromarray(values).save(path, format="TIFF")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "the file is empty"),
        ("text", "cannot identify image file"),
        ("truncated", "cannot be read as an image"),
        ("one pixel", "1 x 1 pixels; at least 8 each"),
        ("several", "contains 3 images"),
        ("nan", "the pixel in row 3, column 4 is NaN or infinite"),
        ("missing", "cannot be read as an image"),
    ],
)
def test_bad_files_raise_with_their_name(kind: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    _bad(kind, path)
    with pytest.raises(UserError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
