"""Language model, weights and calibration, chosen on dev and kept in the model."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import seqrec
from seqrec import tuning
from seqrec.decoding import Failure, Hypothesis
from seqrec.decoding.settings import Search
from seqrec.errors import ConfigError, DataError, ModelError
from seqrec.lm.train import Training, train
from seqrec.modelfolder import ModelFolder
from seqrec.packing import pack
from seqrec.reader import Decoding, hotword, hotwords_of
from seqrec.samples import Sample
from seqrec.tuning import Words, best_search, tune
from tests.models import image_model, line

# Where a text has "b", the image hints at "a" a little more: only who knows the words can tell.
TEXTS = ["cab", "dab", "gab", "babe", "bed", "fed", "had", "ebb"]


def blurred(text):
    """The line's image (8, W) uint8 with every "b" half an "a" and a little less than half a "b"."""
    image = line(text)
    for place, symbol in enumerate(text):
        if symbol == "b":
            image[[0, 1], 2 * place + 1] = 255 - np.array([0.60, 0.58]) * 255
    return image


def sample(folder, number, text):
    path = folder / f"{number}.png"
    Image.fromarray(blurred(text)).save(path)
    return Sample(str(number), text, path=path, group="anna" if number % 2 else "ben")


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dev")
    return [sample(folder, number, text) for number, text in enumerate(4 * TEXTS)]


@pytest.fixture(scope="module")
def lm():
    return train(TEXTS, Training("char", 3))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, dev, lm):
    model = image_model(tmp_path_factory.mktemp("tuned") / "model")
    said = []
    tune(ModelFolder(model), dev, lm, 8, 0.5, progress=lambda *done: said.append(done))
    assert said
    return model


def texts(model, dev, **decoding):
    return [found.text for found in seqrec.load(model, decoding=Decoding(**decoding)).decode(dev)]


def test_the_language_model_mends_what_the_network_cannot_tell(tuned, dev):
    right = [each.text for each in dev]
    assert texts(tuned, dev) == [text.replace("b", "a") for text in right]
    assert texts(tuned, dev, lm="default") == right


def test_what_was_found_on_dev_is_kept(tuned, dev):
    settings = ModelFolder(tuned).settings
    wrong, n = sum(each.text.count("b") for each in dev), sum(len(each.text) for each in dev)
    assert settings.measured["greedy"].cer == wrong / n
    assert settings.measured["lm"].model_dump() == {"samples": len(dev), "cer": 0, "wer": 0, "seen": 0.5}
    assert settings.measured["beam"].seen is None
    assert settings.calibration.keys() == settings.measured.keys() == {"greedy", "beam", "lm"}
    assert settings.search.beam == 8
    assert json.loads((tuned / "decoding.json").read_text()) == settings.model_dump(mode="json")


def test_confidences_are_those_of_dev(tuned, dev):
    """Every text with a "b" is read wrong, all others right."""
    for found, each in zip(seqrec.load(tuned).decode(dev), dev, strict=True):
        assert (found.confidence > 0.5) == ("b" not in each.text), each.text
        assert [(c.confidence > 0.5) for c in found.chars] == [c != "b" for c in each.text]


def test_a_packed_model_carries_it_all(tuned, dev, tmp_path):
    pack(ModelFolder(tuned), tmp_path / "m.zip")
    assert texts(tmp_path / "m.zip", dev, lm="default") == [each.text for each in dev]


def test_a_packed_model_can_be_tuned(dev, lm, tmp_path):
    pack(ModelFolder(image_model(tmp_path / "m")), tmp_path / "m.zip")
    with pytest.raises(ModelError, match="carries no language model"):
        texts(tmp_path / "m.zip", dev, lm="default")
    tune(ModelFolder(tmp_path / "m.zip"), dev, lm, 8)
    assert texts(tmp_path / "m.zip", dev, lm="default") == [each.text for each in dev]
    assert ModelFolder(tmp_path / "m.zip").card == ModelFolder(tmp_path / "m").card


def test_without_a_language_model_an_old_one_goes(tuned, dev, tmp_path):
    model = image_model(tmp_path / "m")
    for part in ("lm.bin", "decoding.json"):
        (model / part).write_bytes((tuned / part).read_bytes())
    tune(ModelFolder(model), dev, None, 4)
    folder = ModelFolder(model)
    assert not folder.has("lm.bin")
    assert folder.settings.measured.keys() == {"greedy", "beam"}


def test_without_an_lm_its_bonuses_do_not_count(tuned, dev):
    """They were chosen to make up for what a language model takes."""
    settings = ModelFolder(tuned).settings
    assert settings.search != Search(beam=8)
    assert texts(tuned, dev, beam=8) == texts(tuned, dev)


def test_bad_samples_are_named_and_the_others_do(dev, lm, tmp_path):
    model, bad = image_model(tmp_path / "m"), []
    (tmp_path / "broken.png").write_bytes(b"no image")
    broken = replace(dev[0], id="broken", path=tmp_path / "broken.png")
    silent = replace(dev[0], id="silent", text=None)
    settings = tune(ModelFolder(model), [broken, silent, *dev], lm, 8, on_error=bad.append)
    assert settings.measured["lm"].samples == len(dev)
    assert len(bad) == 1
    assert "broken.png" in str(bad[0])
    with pytest.raises(DataError, match="no sample that can be used"):
        tune(ModelFolder(model), [broken], lm, 8, on_error=bad.append)


def test_of_many_samples_some_are_heard(tuned, dev):
    heard = tuning.hear(seqrec.load(tuned), dev, most=10)
    assert heard.texts == tuple(each.text for each in dev[::4])
    assert heard.groups == tuple(each.group for each in dev[::4])


@given(st.tuples(st.floats(0.05, 1.5), st.floats(-0.5, 2.5), st.floats(-1, 1)), st.tuples(*[st.floats(0.5, 2)] * 3))
def test_the_search_comes_near_the_best_weights(best, slopes):
    """Of a bowl, whose lowest point is known."""

    def errors(search):
        at = (search.lm_weight, search.char_bonus, search.word_bonus)
        return round(1000 * sum(s * abs(x - b) for x, b, s in zip(at, best, slopes, strict=True)))

    found = best_search(errors, Search(beam=4), lambda *done: None)
    assert abs(found.lm_weight - best[0]) <= 0.15
    assert abs(found.char_bonus - best[1]) <= 0.35
    assert abs(found.word_bonus - best[2]) <= 0.5
    assert found.beam == 4


def test_of_equally_good_weights_the_smallest_is_taken():
    assert best_search(lambda search: 0, Search(), lambda *done: None).lm_weight == 0.1


def test_the_share_of_words_that_were_seen():
    words = Words(["the cat", "the dog", ""])
    assert list(words.see(iter(["the  bird", "cat"]))) == ["the  bird", "cat"]
    assert words.seen == 0.75
    assert Words([]).seen == 1


# What a user may ask for


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Montreal", ("Montreal", 5.0)),
        ("Montreal=7.5", ("Montreal", 7.5)),
        (" New York = -2", ("New York", -2.0)),
        ("a=b=3", ("a=b", 3.0)),
    ],
)
def test_hot_words(said, found):
    assert hotword(said) == found


@pytest.mark.parametrize("said", ["", "=3", "x=", "x=much", "x=nan", "x=inf"])
def test_what_is_no_hot_word(said):
    with pytest.raises(ConfigError, match="TEXT=W"):
        hotword(said)


def test_a_hot_word_comes_once():
    assert hotwords_of(["a=1", "b"]) == {"a": 1.0, "b": 5.0}
    with pytest.raises(ConfigError, match="'a' comes twice"):
        hotwords_of(["a=1", "a=2"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"closed": True}, "--closed: comes without a lexicon"),
        ({"lm": "default", "char_bonus": float("nan")}, "--char-bonus: nan; expected a finite number"),
        ({"lm": ""}, "--lm: is empty; expected a file"),
        ({"lexicon": ""}, "--lexicon: is empty; expected a file"),
        ({"lm_weight": 1.0, "beam": 8}, "--lm-weight: comes without a language model"),
        ({"char_bonus": 0.0}, "--char-bonus: has no place in greedy decoding"),
        ({"word_bonus": 1.0, "beam": 1}, "--word-bonus: has no place in greedy decoding"),
        ({"nbest": 3, "beam": 1}, "--nbest: 3 of a beam of 1; expected --beam 3 or more"),
    ],
)
def test_what_cannot_be_asked_for(asked, said):
    with pytest.raises(ConfigError, match=f"^{said}"):
        Decoding(**asked)


def test_weights_go_with_what_they_weigh():
    Decoding(nbest=2, char_bonus=1.0)
    Decoding(beam=1, nbest=1)
    Decoding(lm="default", beam=1, lm_weight=0.0, word_bonus=-1.0)


def test_a_lexicon_by_its_name(tuned, dev, tmp_path):
    (tmp_path / "words.txt").write_text("cab\ndab\n", encoding="utf-8")
    asked = Decoding(lexicon=str(tmp_path / "words.txt"), closed=True)
    assert [each.text for each in seqrec.load(tuned, decoding=asked).decode(dev[:2])] == ["cab", "dab"]


def test_alternatives(tuned, dev):
    [first, *_] = seqrec.load(tuned, decoding=Decoding(nbest=3)).decode(dev[:1])
    assert isinstance(first, Hypothesis)
    assert [each.text for each in first.alternatives][:2] == ["caa", "cab"]
    assert len(first.alternatives) == 3
    assert sum(each.probability for each in first.alternatives) <= 1 + 1e-9


def test_positions_are_pixels_of_the_image(tuned, dev):
    [found] = seqrec.load(tuned, decoding=Decoding(lm="default", positions=True)).decode(dev[3:4])
    assert (found.text, found.unit) == ("babe", "px")
    for place, char in enumerate(found.chars):
        assert char.text == "babe"[place]
        assert char.start <= 2 * place + 1.5 <= char.end
    [word] = found.words
    assert (word.text, word.start, word.end) == ("babe", found.chars[0].start, found.chars[-1].end)


def test_a_rejected_text_is_among_its_alternatives():
    found = Hypothesis("x", "cab", 0.2).rejected()
    assert (found.id, found.text, found.confidence) == ("x", "", 0.2)
    assert [each.text for each in found.alternatives] == ["cab"]


def test_failures_stay_in_their_place(tuned, dev):
    model = seqrec.load(tuned, decoding=Decoding(lm="default"))
    found = list(model.decode([dev[0], Failure("x", DataError("x", "is broken")), dev[1]]))
    assert [each.id for each in found] == ["0", "x", "1"]
    assert isinstance(found[1], Failure)
