"""features/_page.py: images opened, lines cut and levelled, ink drawn."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from seqrec.errors import DataError
from seqrec.features import _page

# Three rows: black, grey, white; wider than high so that a turn shows.
STEPS = np.repeat(np.array([[0], [128], [255]], np.uint8), 4, axis=1)


@pytest.fixture(autouse=True)
def _nothing_kept():
    _page._kept.clear()
    yield
    _page._kept.clear()


def _saved(path: Path, image: Image.Image, **how: object) -> Path:
    image.save(path, **how)
    return path


def _modes() -> dict[str, Image.Image]:
    grey = Image.fromarray(STEPS)
    clear = Image.new("RGBA", (4, 3), (0, 0, 0, 0))
    clear.paste(Image.new("RGBA", (4, 1), (0, 0, 0, 255)), (0, 0))
    clear.paste(Image.new("RGBA", (4, 1), (128, 128, 128, 255)), (0, 1))
    return {
        "L.png": grey,
        "RGB.png": grey.convert("RGB"),
        "RGBA over white.png": clear,
        "LA over white.png": clear.convert("LA"),
        "P.png": grey.convert("P"),
        "P.gif": grey.convert("P"),
        "I;16.png": Image.fromarray(STEPS.astype(np.uint16) * 257),
        "12 bits.tif": Image.fromarray(STEPS.astype(np.uint16) * 16),
        "F.tif": Image.fromarray(STEPS.astype(np.float32) / 255),
        "I.tif": Image.fromarray(STEPS.astype(np.int32) * 1000),
        "CMYK.tif": grey.convert("RGB").convert("CMYK"),
        "L.bmp": grey,
        "L.pgm": grey,
        "L.webp": grey.convert("RGB"),
        "L.jp2": grey,
        "L.jpg": grey,
    }


@pytest.mark.parametrize("name", list(_modes()))
def test_every_kind_of_image_becomes_grey(tmp_path, name):
    how = {"lossless": True} if name.endswith("webp") else {"quality": 100} if name.endswith("jpg") else {}
    page = _page.open_page(_saved(tmp_path / name, _modes()[name], **how))
    assert page.dtype == np.uint8
    assert page.shape == (3, 4)
    assert np.abs(page.astype(int) - STEPS).max() <= 3


def test_one_bit_is_black_and_white(tmp_path):
    bits = Image.fromarray(STEPS > 200)
    assert bits.mode == "1"
    assert _page.open_page(_saved(tmp_path / "a.tif", bits)).tolist() == np.where(STEPS > 200, 255, 0).tolist()


@pytest.mark.parametrize(
    ("suffix", "how"), [("jpg", {}), ("png", {}), ("tif", {}), ("tif", {"compression": "tiff_lzw"})]
)
def test_exif_rotation_is_undone(tmp_path, suffix, how):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned a quarter clockwise
    left_dark = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, axis=1).repeat(32, axis=0))
    page = _page.open_page(_saved(tmp_path / f"a.{suffix}", left_dark, exif=exif, **how))
    assert page.shape == (16, 32)
    assert _page.header(tmp_path / f"a.{suffix}")[0] == 32
    assert page[:6].max() < 20
    assert page[-6:].min() > 235


def test_the_first_page_of_several(tmp_path):
    pages = [Image.new("L", (3, 2), grey) for grey in (10, 200)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert (_page.open_page(tmp_path / "a.tif") == 10).all()


def _bad_files(folder: Path) -> dict[str, Path]:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    for name, how in (("whole.png", {}), ("whole.jpg", {}), ("whole.tif", {"compression": "tiff_lzw"})):
        Image.fromarray(noise).save(folder / name, **how)
        data = (folder / name).read_bytes()
        (folder / name.replace("whole", "cut")).write_bytes(data[: len(data) // 2])
    files = {
        "empty.png": b"",
        "page.png": b"<!DOCTYPE html><html>404</html>",
        "sound.wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(40),
        "noise.png": bytes(range(256)),
        "magic.png": b"\x89PNG\r\n\x1a\n",
        "doc.pdf": b"%PDF-1.4 ...",
        "a.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    return {path.name: path for path in folder.iterdir()} | {"none.png": folder / "none.png", "nul": folder / "a\0b"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty.png", "is empty"),
        ("page.png", "is an HTML page, not an image"),
        ("sound.wav", "is a sound, not an image"),
        ("doc.pdf", "is a PDF, not an image"),
        ("a.eps", "is text, not an image"),
        ("noise.png", "not an image that can be read"),
        ("magic.png", "not an image that can be read"),
        ("cut.png", "broken image"),
        ("cut.jpg", "broken image"),
        ("cut.tif", "image"),
        ("folder.png", "is a folder"),
        ("pipe.png", "is no regular file"),
        ("none.png", "does not exist"),
        ("nul", ""),
    ],
)
def test_bad_files_are_named(tmp_path, name, said):
    path = _bad_files(tmp_path)[name]
    with pytest.raises(DataError) as caught:
        _page.open_page(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pages_beyond_the_limit_of_pillow(tmp_path, monkeypatch):
    path = _saved(tmp_path / "a.png", Image.new("L", (40, 30)))
    for most in (1000, 500):  # Pillow warns up to twice the limit, and raises beyond
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with pytest.raises(DataError, match="too large an image"):
            _page.open_page(path)


def test_warnings_of_pillow_do_not_leak(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\0\0\0\x06\0\0\0"  # a broken orientation tag
    Image.new("L", (4, 4)).save(tmp_path / "a.jpg", exif=exif)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert _page.open_page(tmp_path / "a.jpg").shape == (4, 4)
    assert caught == []


def test_a_page_is_kept_until_it_changes(tmp_path):
    path = _saved(tmp_path / "a.png", Image.new("L", (4, 4), 10))
    first = _page.open_page(path)
    assert _page.open_page(path) is first
    assert not first.flags.writeable
    _saved(path, Image.new("L", (40, 4), 20))
    assert _page.open_page(path).shape == (4, 40)


def test_few_pages_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(_page, "_KEPT_BYTES", 250)
    paths = [_saved(tmp_path / f"{n}.png", Image.new("L", (10, 10), n)) for n in range(4)]
    pages = [_page.open_page(path) for path in paths]
    assert [page is _page.open_page(path) for page, path in zip(pages[2:], paths[2:], strict=True)] == [True, True]
    assert len(_page._kept) == 2
    large = _saved(tmp_path / "large.png", Image.new("L", (100, 10)))
    assert _page.open_page(large) is _page.open_page(large)
    assert len(_page._kept) == 1


def test_header(tmp_path):
    assert _page.header(_saved(tmp_path / "a.png", Image.new("L", (30, 20)))) == (30, 0.0)
    width, dpi = _page.header(_saved(tmp_path / "b.jpg", Image.new("L", (30, 20)), dpi=(300, 300)))
    assert (width, round(dpi)) == (30, 300)
    with pytest.raises(DataError, match="No such file"):
        _page.header(tmp_path / "none.png")


# -- cutting ---------------------------------------------------------------------------------------


def _cut(page, polygon=None, baseline=None, tallest=1000):
    return _page.cut(page, _page.line(page.shape, polygon, baseline, tallest, 100, "here"), bool(polygon))


def test_without_regions_the_page_is_the_line():
    page = np.arange(12, dtype=np.uint8).reshape(3, 4)
    grey, mask = _cut(page)
    assert (grey == page).all()
    assert mask is None


def test_a_box_is_cut_exactly():
    page = np.arange(200, dtype=np.uint8).reshape(10, 20)
    grey, mask = _cut(page, ((5, 2), (12, 2), (12, 6), (5, 6)))
    assert (grey == page[2:6, 5:12]).all()
    assert mask.all()


def test_what_a_level_baseline_says_is_nothing_new():
    page = np.arange(200, dtype=np.uint8).reshape(10, 20)
    grey, _ = _cut(page, ((5, 2), (12, 2), (12, 6), (5, 6)), ((5, 5), (12, 5)))
    assert (grey == page[2:6, 5:12]).all()


def test_the_mask_follows_the_polygon():
    _, mask = _cut(np.zeros((40, 40), np.uint8), ((0, 0), (40, 0), (0, 40)))
    assert mask[5, 5]
    assert not mask[35, 35]
    assert mask.mean() == pytest.approx(0.5, abs=0.05)


def test_polygons_reaching_out_of_the_page_are_clipped():
    page = np.arange(200, dtype=np.uint8).reshape(10, 20)
    grey, _ = _cut(page, ((-1e9, 2), (1e9, 2), (1e9, 6), (-1e9, 6)))
    assert (grey == page[2:6]).all()


@pytest.mark.parametrize(
    ("polygon", "said"),
    [
        (((30, 30), (40, 30), (40, 40)), "outside of the image"),
        (((-30, 1), (-10, 1), (-10, 5)), "outside of the image"),
        (((1, 1), (5, 1), (9, 1)), "without area"),
        (((3, 3), (3, 3), (3, 3)), "without area"),
        (((float("nan"), 3), (3, 3), (3, 9)), "without area"),
    ],
)
def test_polygons_that_hold_nothing(polygon, said):
    with pytest.raises(DataError, match=said):
        _cut(np.zeros((10, 20), np.uint8), polygon)


def test_lines_far_too_wide_are_refused():
    with pytest.raises(DataError, match="201 pixels wide and 2 high"):
        _cut(np.zeros((2, 201), np.uint8))


def test_tall_lines_are_scaled_down():
    grey, mask = _cut(np.full((60, 90), 7, np.uint8), ((0, 0), (90, 0), (90, 60), (0, 60)), tallest=20)
    assert grey.shape == mask.shape == (20, 30)
    assert (grey == 7).all()


def _drawn(line, height=120, width=300):
    """A page with a black line, 5 pixels thick, at y = line(x)."""
    y, x = np.mgrid[:height, :width]
    return np.where(np.abs(y - line(x)) <= 2, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "line",
    [
        lambda x: 60 + 0.1 * (x - 150),
        lambda x: 60 - 0.25 * (x - 150),
        lambda x: 60 + 15 * np.sin(x / 60),
        lambda x: 60 + 0.1 * (x - 150) + 10 * np.cos(x / 50),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("tallest", [1000, 30])
def test_sloped_and_curved_baselines_become_straight(line, backwards, tallest):
    xs = np.arange(10, 291, 10)
    baseline = [(float(x), float(line(x))) for x in xs]
    polygon = tuple([(x, y - 20) for x, y in baseline] + [(x, y + 10) for x, y in baseline[::-1]])
    grey, mask = _cut(_drawn(line), polygon, tuple(baseline[::-1] if backwards else baseline), tallest)
    ink = (255.0 - grey) * mask
    inner = ink[:, len(ink[0]) // 10 : -len(ink[0]) // 10]
    centres = inner.T @ np.arange(len(inner)) / inner.sum(axis=0)
    scale = min(1, tallest / 31)
    assert np.ptp(centres) < 1.6 * max(scale, 0.7)
    assert len(grey) == pytest.approx(31 * scale, abs=3)
    assert centres.mean() == pytest.approx(20 * scale, abs=2)  # the baseline keeps its place: not upside down


def test_upright_text_lines_are_turned_along_their_baseline():
    page = np.full((300, 100), 255, np.uint8)
    page[50:250, 48:53] = 0
    page[50:60, 30:53] = 0  # the line's beginning, to the side of x
    upwards = ((50, 250), (50, 50))
    grey, _ = _cut(page, ((20, 45), (60, 45), (60, 255), (20, 255)), upwards)
    assert grey.shape == pytest.approx((40, 210), abs=2)
    assert (grey < 128)[28:33, 10:200].all()
    assert (grey < 128)[12:28, 196:203].all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-50, 150), st.floats(-50, 150)), min_size=3, max_size=8),
    st.none() | st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-50, 150)), min_size=1, max_size=6),
)
@example([(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)], [(0.0, 0.0), (0.0, 2.0), (2.0, 2.225073858507e-311)])
def test_any_polygon_and_baseline_give_a_line_or_a_data_error(polygon, baseline):
    page = np.full((100, 90), 9, np.uint8)
    try:
        grey, mask = _cut(page, tuple(polygon), tuple(baseline) if baseline else None, tallest=50)
    except DataError:
        return
    assert grey.shape == mask.shape
    assert 1 <= len(grey) <= 50
    assert (grey == 9).all()


# -- remapping and drawing -------------------------------------------------------------------------


def test_remap_is_bilinear_and_zero_outside():
    image = np.array([[1, 2], [3, 4]], np.float32)
    x = np.array([[0, 1, 0.5, 0.5, -0.5, -9, 2, 99]], np.float32)
    y = np.array([[0, 1, 0, 0.5, 0, 0, 0, 99]], np.float32)
    assert _page.remap(image, x, y).tolist() == [[1, 4, 1.5, 2.5, 0.5, 0, 0, 0]]


def _draw(*strokes):
    arrays = tuple(
        np.array(stroke, np.float64).reshape(-1, np.shape(stroke)[-1] if stroke else 2) for stroke in strokes
    )
    return _page.draw(arrays, 48, 0.05, 100, "here")[0]


def test_ink_is_drawn_upright_and_fills_the_height():
    image = _draw([[0, 0], [0, 100]], [[0, 100], [50, 100]])  # an L; y grows downwards
    assert image.dtype == np.float32
    assert image.shape[0] == 48
    rows, columns = np.flatnonzero(image.max(axis=1) > 0.5), np.flatnonzero(image.max(axis=0) > 0.5)
    assert rows[0] <= 4
    assert rows[-1] >= 43
    assert np.ptp(columns) == pytest.approx(np.ptp(rows) / 2, abs=2)
    assert image[40:].sum() > 3 * image[:8].sum()
    assert set(np.unique(image)) != {0.0, 1.0}  # smooth edges


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 1e4), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
def test_scale_and_place_of_ink_do_not_matter(scale, x, y):
    word = np.array([[0, 3], [1, 0], [2, 3], [4, 1], [5, 3]], np.float64)
    there, _ = _page.draw((word * scale + [x, y],), 48, 0.05, 100, "here")
    here, _ = _page.draw((word,), 48, 0.05, 100, "here")
    assert abs(there.shape[1] - here.shape[1]) <= 1
    width = min(there.shape[1], here.shape[1])
    assert np.abs(there[:, :width] - here[:, :width]).mean() < 0.02


@pytest.mark.parametrize(
    "strokes",
    [
        [[[5, 5]]],
        [[[0, 0], [90, 0]]],
        [[[0, 0], [90, 1]]],
        [[[7, 7], [7, 7]]],
        [[[0, 0], [5e-324, 1e-310]]],
        [[], [[1, 2, 0.5], [3, 9, 0.6]]],
    ],
)
def test_dots_and_dashes_are_drawn_small(strokes):
    image = _draw(*strokes)
    assert image.shape[0] == 48
    assert 1 <= image.shape[1] <= 60
    assert image.max() > 0.9
    middle = np.arange(48) @ image.sum(axis=1) / image.sum()
    assert middle == pytest.approx(23.5, abs=2)


@pytest.mark.parametrize(
    ("strokes", "said"),
    [((), "no ink"), (([],), "no ink"), (([[float("nan"), 1.0]],), "NaN")],
)
def test_ink_without_points(strokes, said):
    with pytest.raises(DataError, match=said):
        _draw(*strokes)


def test_many_points_in_one_place_are_drawn_once():
    points = np.repeat([[0.0, 0.0], [10.0, 10.0]], 200_000, axis=0)
    assert np.array_equal(_page.draw((points,), 48, 0.05, 100, "here")[0], _draw([[0, 0], [10, 10]]))
