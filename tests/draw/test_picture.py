"""Pictures are shown by notebooks and saved as files that any viewer opens."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from suite.draw.picture import Picture, PictureFolder
from suite.errors import UserError


def test_html_becomes_a_page(tmp_path):
    picture = Picture("a <review>/1", "<b>good</b>")
    assert picture._repr_html_() == "<b>good</b>"
    assert picture._repr_png_() is None
    path = picture.save(tmp_path / "new" / "folder")
    assert path.name == "a-review-1.html"
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<title>a &lt;review&gt;/1</title>" in text
    assert "<b>good</b>" in text


def test_pixels_become_a_png(tmp_path):
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    picture = Picture.from_pixels("scan", pixels)
    assert picture._repr_html_() is None
    assert picture._repr_png_()[:4] == b"\x89PNG"
    assert np.array_equal(np.asarray(Image.open(picture.save(tmp_path))), pixels)


def test_a_figure_becomes_a_png():
    picture = Picture.from_figure("figure", Figure(figsize=(2.0, 1.0)), dpi=50)
    assert Image.open(io.BytesIO(picture.content)).size == (100, 50)


def test_names_that_repeat_get_numbers(tmp_path):
    folder = PictureFolder(tmp_path)
    names = [folder.save(Picture(name, "x")).name for name in ("a", "a-2", "a", "a", "...", "")]
    assert names == ["a.html", "a-2.html", "a-3.html", "a-4.html", "picture.html", "picture-2.html"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"picture .*file/a\.html cannot be written"):
        Picture("a", "x").save(tmp_path / "file")
