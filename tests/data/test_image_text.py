"""Images and captions as batches: held out by image, drawn by seed, epoch and row alone, resumed and shared out exactly."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from toy_words import WordTokenizer, unpack
from toys import run_in_processes, toy_photos

from lit_embed.batches import text_ids
from lit_embed.data import ImageText
from lit_embed.data.read_images import read_images
from lit_embed.errors import UserError
from lit_embed.models.image_transform import ImageTransform


@pytest.fixture(autouse=True)
def no_global_seed(monkeypatch):
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)


@pytest.fixture
def photos(tmp_path) -> str:
    return toy_photos(tmp_path / "photos", 20, captions=3)


def ready(path: str, **settings) -> ImageText:
    """The data module as the Trainer would have it, prepared and set up."""
    data = ImageText(path=path, **{"batch_size": 4, "validation": 0.2, **settings})
    encoder = SimpleNamespace(tokenizer=WordTokenizer(), query_prefix="", document_prefix="", transform=ImageTransform.square(8))
    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(encoder=encoder), state=SimpleNamespace(fn="fit"),
                                   overfit_batches=0)
    data.prepare_data()
    data.setup("fit")
    return data


def seen(loader, epoch=0, skip=0) -> list:
    if hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(epoch)
    return [(b.query_ids.tolist(), b.document_ids.tolist(), b.images.sum().item()) for b in loader][skip:]


def test_a_batch_holds_each_image_with_a_caption_of_its_own(photos):
    data = ready(photos)
    found, loader = data.images("train"), data.train_dataloader()
    own = dict(zip(data.pairs("train").image_ids.tolist(), [set(text_ids(c).tolist()) for c in found.captions], strict=True))
    texts = [text for captions in found.captions for text in captions]
    words = dict(zip(text_ids(texts).tolist(), texts))
    for batch in loader:
        assert batch.images.shape == (4, 3, 8, 8) and batch.document_ids.shape == (4, 1) and len(batch) == 4
        assert all(caption in own[image] for image, (caption,) in zip(batch.query_ids.tolist(), batch.document_ids.tolist()))
        expected = [WordTokenizer().tokenize([words[caption]])[0].tolist() for (caption,) in batch.document_ids.tolist()]
        assert unpack(batch.captions) == expected and batch.tokens == sum(map(len, expected))
    assert len(loader) == 4


def test_no_image_is_in_training_and_validation(photos):
    data = ready(photos)
    train, validation = (set(data.images(split).names) for split in ("train", "validation"))
    assert len(train) == 16 and len(validation) == 4 and not train & validation


def test_a_split_is_read_once_and_its_parts_share_the_pictures(photos, monkeypatch):
    data, calls = ImageText(path=photos, validation=0.2), []
    monkeypatch.setattr("lit_embed.data.image_text.read_images", lambda *what: calls.append(what) or read_images(*what))
    train, validation = data.images("train"), data.images("validation")
    assert len(calls) == 1 and data.images("train").images[0] is train.images[0] and len(validation) == 4


def test_each_epoch_draws_other_captions_and_cuts_and_the_same_again(photos):
    loader = ready(photos, augmentation="crop_and_flip").train_dataloader()
    first, second = seen(loader, 0), seen(loader, 1)
    drawn = [{(image, caption[0]) for ids, captions, _ in epoch for image, caption in zip(ids, captions)}
             for epoch in (first, second)]
    assert 0 < len(drawn[0] & drawn[1]) < 16 and seen(loader, 0) == first
    assert seen(ready(photos, augmentation="crop_and_flip", num_workers=2).train_dataloader(), 1) == second
    plain = seen(ready(photos).train_dataloader(), 0)
    assert [row[:2] for row in plain] == [row[:2] for row in first] and plain != first


def test_all_captions_make_a_row_each(photos):
    data = ready(photos, captions="all")
    pairs = [(image, caption[0]) for ids, captions, _ in seen(data.train_dataloader()) for image, caption in zip(ids, captions)]
    assert len(pairs) == len(set(pairs)) == 48
    for batch in ready(photos, captions="all", no_duplicates=True).train_dataloader():
        assert len(set(batch.query_ids.tolist())) == 4


def test_evaluation_batches_are_the_rows_in_their_order(photos):
    data = ready(photos, augmentation="flip")
    rows, images, loader = data.rows("validation"), data.pairs("validation").image_ids, data.predict_dataloader()
    (ids, captions, numbers), = seen(loader)
    assert ids == images.tolist() and [[i] for i in text_ids(rows.documents[0]).tolist()] == captions
    assert seen(loader) == [(ids, captions, numbers)] and rows.queries == data.images("validation").names


def test_a_resumed_epoch_goes_on_where_it_stopped(photos):
    data = ready(photos, augmentation="crop_and_flip")
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    batches = iter(loader)
    next(batches)
    state = data.state_dict()
    rest = [(b.query_ids.tolist(), b.document_ids.tolist(), b.images.sum().item()) for b in batches]
    resumed = ready(photos, augmentation="crop_and_flip", seed=42)
    resumed.load_state_dict(state)
    assert seen(resumed.train_dataloader(), 1) == rest and len(rest) == 3


def half_of_each_batch(rank, photos, expected):
    batches = list(ready(photos, batch_size=2).train_dataloader())
    mine = slice(2 * rank, 2 * rank + 2)
    for batch, (ids, captions, images) in zip(batches, expected, strict=True):
        assert batch.query_ids.tolist() == ids[mine] and batch.document_ids.tolist() == captions[mine]
        assert torch.equal(batch.images, images[mine])


def test_two_processes_share_the_batches_of_one(photos):
    expected = [(b.query_ids.tolist(), b.document_ids.tolist(), b.images) for b in ready(photos).train_dataloader()]
    run_in_processes(2, half_of_each_batch, photos, expected)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_picture_is_one_line_also_from_a_worker(workers, photos):
    found = ready(photos).images("train")
    found.images[5].write_bytes(found.images[5].read_bytes()[:60])
    with pytest.raises(UserError, match=r"captions.csv, row \d+: the image .*/\d+.png cannot be read") as error:
        list(ready(photos, num_workers=workers).train_dataloader())
    assert "\n" not in str(error.value) and found.where[5] in str(error.value)


@pytest.mark.parametrize("settings, says", [
    ({"random_negatives": 1}, "no hard negatives"), ({"captions": "some"}, "there are draw and all"),
    ({"augmentation": "tilt"}, "there are none, flip, crop_and_flip"), ({"path": None}, "needs data.path"),
])
def test_a_wrong_setting_is_one_line(settings, says, photos):
    with pytest.raises(UserError, match=says):
        ready(**{"path": photos, **settings})


def test_a_text_encoder_is_told_that_it_reads_no_images(photos):
    data = ImageText(path=photos)
    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(encoder=SimpleNamespace()))
    with pytest.raises(UserError, match="whose encoder reads them"):
        data.pairs("train")


def test_flickr_has_five_captions_a_photo(real_data):
    found = ImageText(path=str(real_data / "flickr8k_1000"), validation="test", limit=30).images("validation")
    assert len(found) == 30 and all(len(own) == 5 for own in found.captions) and found.names[0].endswith(".jpg")
    assert np.isin([type(each) for each in found.images], [bytes]).all()
