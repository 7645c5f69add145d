"""features/columns.py: line images and ink as frames."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageDraw

from seqrec.errors import ConfigError, DataError
from seqrec.features import columns, extractor
from seqrec.samples import Sample

Extractor = columns.Extractor


def _sample(folder: Path, grey: np.ndarray, name: str = "line.png", **region: object) -> Sample:
    Image.fromarray(grey.astype(np.uint8)).save(folder / name)
    return Sample(id="s", path=folder / name, **region)


def _line(width: int = 300, height: int = 48, paper: int = 255, ink: int = 0) -> np.ndarray:
    """Upright strokes and a bar."""
    page = np.full((height, width), paper, np.uint8)
    for x in range(20, width - 20, 30):
        page[height // 4 : -height // 4, x : x + 4] = ink
    page[height // 2 : height // 2 + 3, 20 : width // 2] = ink
    return page


# -- read ------------------------------------------------------------------------------------------


def test_ink_is_1_on_paper_0(tmp_path):
    line = _line()
    image = Extractor().read(_sample(tmp_path, line))
    assert image.dtype == np.float32
    assert np.array_equal(image, (line == 0).astype(np.float32))


@pytest.mark.parametrize("polarity", ["auto", "light"])
def test_light_ink_on_dark_paper(tmp_path, polarity):
    image = Extractor(polarity=polarity).read(_sample(tmp_path, _line(paper=20, ink=240)))
    assert np.array_equal(image, (_line() == 0).astype(np.float32))


def test_a_polarity_that_is_told_is_kept(tmp_path):
    image = Extractor(polarity="dark", flatten=False).read(_sample(tmp_path, _line(paper=0, ink=255)))
    assert np.array_equal(image, (_line() == 255).astype(np.float32))


def test_shadows_grain_and_pale_ink_are_evened_out(tmp_path):
    rng = np.random.default_rng(1)
    light = np.linspace(250, 90, 300)[None, :] * np.linspace(1, 0.9, 48)[:, None]
    page = light * np.where(_line() == 0, 0.6, 1) + rng.normal(0, 2, (48, 300))
    image = Extractor().read(_sample(tmp_path, page.clip(0, 255)))
    black = _line() == 0
    assert image[black].mean() > 0.85
    assert image[~black].mean() < 0.03
    assert image[:, :150][black[:, :150]].mean() == pytest.approx(image[:, 150:][black[:, 150:]].mean(), abs=0.1)
    plain = Extractor(flatten=False).read(_sample(tmp_path, page.clip(0, 255)))
    assert plain[~black].mean() > 0.2


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (48, 200)])
def test_blank_images_are_blank(tmp_path, grey, shape):
    for output in ("pixels", "geometric"):
        extract = Extractor(output=output, deslant=True, crop_ink=True)
        image = extract.read(_sample(tmp_path, np.full(shape, grey)))
        assert not image.any()
        frames = extract.frames(image)
        assert len(frames) >= 1
        assert frames.shape[1] == extract.dim
        assert np.isfinite(frames).all()


@pytest.mark.parametrize("polarity", ["auto", "dark", "light"])
@pytest.mark.parametrize("paper", [3, 200, 252])
def test_faint_grain_on_blank_paper_stays_faint(tmp_path, paper, polarity):
    noise = np.random.default_rng(0).normal(paper, 1.5, (48, 300)).clip(0, 255)
    assert Extractor(polarity=polarity).read(_sample(tmp_path, noise)).mean() < 0.05


def test_what_lies_outside_of_the_polygon_is_paper(tmp_path):
    page = np.vstack([_line(), np.zeros((48, 300), np.uint8)])
    box = ((0.0, 0.0), (300.0, 0.0), (300.0, 48.0), (150.0, 30.0), (0.0, 48.0))
    image = Extractor().read(_sample(tmp_path, page, polygon=box))
    assert image.shape == (48, 300)
    assert image[:28, 20:24].max() == 1
    assert not image[44:, 100:200].any()


def test_lines_of_a_page_are_cut_and_levelled(tmp_path):
    drawn = Image.new("L", (1200, 400), 230)
    pen = ImageDraw.Draw(drawn)
    pen.line([(100, 100), (1000, 190)], fill=30, width=6)
    pen.line([(100, 300), (1000, 300)], fill=30, width=6)
    sample = _sample(
        tmp_path,
        np.asarray(drawn),
        polygon=((100.0, 60.0), (1000.0, 150.0), (1000.0, 210.0), (100.0, 120.0)),
        baseline=((100.0, 100.0), (1000.0, 190.0)),
    )
    image = Extractor(height=32).read(sample)
    assert len(image) == 48  # 60 rows of the page, at most 1.5 times the height
    rows = np.flatnonzero(image[:, 50:-50].mean(axis=1) > 0.5)
    assert len(rows) in (4, 5, 6)
    assert image[rows].mean() > 0.7
    assert image.mean(axis=1)[: rows[0] - 2].max() < 0.02


def test_deslant_makes_slanted_strokes_upright(tmp_path):
    line = 255 - columns.shear(1.0 - _line() / 255.0, -0.5) * 255
    sample = _sample(tmp_path, line.round())
    sums = [Extractor(deslant=deslant).read(sample).sum(axis=0).max() for deslant in (False, True)]
    assert sums[0] < 14
    assert sums[1] > 18
    assert Extractor(deslant=True).read(_sample(tmp_path, _line())).shape == (48, 300)


def test_shear_moves_rows_by_their_distance_from_the_middle():
    image = np.zeros((3, 3), np.float32)
    image[:, 1] = 1
    sheared = columns.shear(image, 1.0)
    assert sheared.argmax(axis=1).tolist() == [2, 3, 4]
    assert sheared.sum() == 3


def test_crop_cuts_empty_rows_but_keeps_a_third(tmp_path):
    page = np.full((90, 100), 255, np.uint8)
    page[30:60, 10:90] = 0
    image = columns.crop(1 - page / 255.0)
    assert image.shape == (32, 100)
    dash = np.zeros((90, 100), np.float32)
    dash[80, 10:90] = 1
    assert columns.crop(dash).shape == (30, 100)
    assert columns.crop(dash).sum() == 80
    assert len(Extractor(crop_ink=True).read(_sample(tmp_path, page))) < len(Extractor().read(_sample(tmp_path, page)))


def test_ink_is_rendered(tmp_path):
    strokes = (np.array([[0.0, 0.0, 0.1], [0.0, 10.0, 0.2]]), np.array([[5.0, 0.0], [5.0, 10.0]]))
    extract = Extractor(height=64)
    image = extract.read(Sample(id="s", strokes=strokes))
    assert image.shape[0] == 64
    assert image.max() == 1
    assert extract(Sample(id="s", strokes=strokes)).shape == (image.shape[1], 64)
    assert Extractor(pen=0.15).read(Sample(id="s", strokes=strokes)).sum() > image.sum() / 64 * 48


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ({"polygon": ((900.0, 1.0), (990.0, 1.0), (990.0, 9.0))}, "outside of the image"),
        ({"polygon": ((1.0, 1.0), (9.0, 9.0), (5.0, 5.0))}, "without area"),
    ],
)
def test_bad_regions_name_the_file_and_the_sample(tmp_path, region, said):
    sample = _sample(tmp_path, _line(), **region)
    with pytest.raises(DataError, match=said) as caught:
        Extractor().read(sample)
    assert str(caught.value).startswith(f"{sample.path} (s)")


def test_bad_samples(tmp_path):
    with pytest.raises(DataError, match="at most 10 times"):
        Extractor(max_width=480).read(_sample(tmp_path, np.full((10, 101), 255)))
    with pytest.raises(DataError, match="no ink"):
        Extractor().read(Sample(id="s", strokes=()))
    with pytest.raises(DataError, match="neither"):
        Extractor().read(Sample(id="s"))
    (tmp_path / "a.wav").write_bytes(b"RIFF....WAVE")
    with pytest.raises(DataError, match="is a sound"):
        Extractor().read(Sample(id="s", path=tmp_path / "a.wav"))


@pytest.mark.parametrize(
    "table", [{"height": 2}, {"window": 0}, {"output": "wavelets"}, {"hight": 48}, {"polarity": 1}]
)
def test_bad_options(table):
    with pytest.raises(ConfigError):
        extractor({"kind": "columns", **table})


# -- frames ----------------------------------------------------------------------------------------


def test_pixels_are_columns_from_left_to_right():
    image = np.random.default_rng(0).random((48, 5), np.float32)
    frames = Extractor().frames(image)
    assert np.array_equal(frames, image.T)


def test_windows_hold_column_after_column_and_the_last_is_filled():
    image = np.arange(8 * 5, dtype=np.float32).reshape(8, 5)
    frames = Extractor(height=8, window=3, shift=2).frames(image)
    assert frames.shape == (2, 24)
    assert np.array_equal(frames[1], image[:, 2:5].T.ravel())
    frames = Extractor(height=8, window=2, shift=2).frames(image)
    assert frames.shape == (3, 16)
    assert np.array_equal(frames[2, :8], image[:, 4])
    assert not frames[2, 8:].any()


def test_height_is_normalised_and_the_aspect_kept():
    assert Extractor(height=16).frames(np.ones((32, 100), np.float32)).shape == (50, 16)
    frames = Extractor(height=32).frames(np.ones((16, 50), np.float32))
    assert frames.shape == (100, 32)
    assert frames == pytest.approx(1)


def test_nine_geometric_features_by_hand():
    image = np.zeros((8, 4), np.float32)
    image[2, 1] = 1  # one pixel
    image[[1, 2, 5], 3] = 1  # two runs
    frames = Extractor(height=8, output="geometric").frames(image)
    assert frames.shape == (4, 9)
    y = (np.arange(8) + 0.5) / 8
    centre, moment = y[[1, 2, 5]].mean(), (y[[1, 2, 5]] ** 2).mean()
    #          weight  centre  moment   upper lower slopes (pixels a column) turns between
    assert frames[1] == pytest.approx([1 / 8, y[2], y[2] ** 2, y[2], y[2], -0.25, 0.75, 1, 1])
    assert frames[3] == pytest.approx([3 / 8, centre, moment, y[1], y[5], -0.5, 1.5, 2, 3 / 5], rel=1e-5)
    # no ink: between its neighbours, and the first as its only neighbour
    assert frames[0] == pytest.approx([0, y[2], y[2] ** 2, y[2], y[2], 0, 0, 0, 0], abs=1e-6)
    assert frames[2, 3:5] == pytest.approx([(y[1] + y[2]) / 2, (y[2] + y[5]) / 2])
    wide = Extractor(height=8, output="geometric", window=2, shift=2).frames(image)
    assert wide == pytest.approx((frames[::2] + frames[1::2]) / 2)


@settings(max_examples=60, deadline=None)
@given(
    arrays.arrays(
        np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.floats(0, 1, width=32)
    ),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["pixels", "geometric"]),
)
def test_any_image_gives_finite_frames_that_cover_it(image, window, shift, output):
    extract = Extractor(height=12, window=window, shift=shift, output=output)
    before = image.copy()
    frames = extract.frames(image)
    width = max(1, round(image.shape[1] * 12 / image.shape[0]))
    assert frames.dtype == np.float32
    assert frames.shape == (1 + max(0, -(-(width - window) // shift)), extract.dim)
    assert np.isfinite(frames).all()
    assert np.array_equal(image, before)
    assert np.array_equal(frames, extract.frames(image))
