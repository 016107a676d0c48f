"""The logged recalls are those of a loop over captions and images, both ways."""

import numpy as np
import pytest
from toy_run import ToyData, toy_module, toy_trainer
from toys import toy_photos

from lit_embed.callbacks import HitRate, ImageTextRecall
from lit_embed.data import ImageText
from lit_embed.errors import UserError
from lit_embed.losses import SymmetricInfoNCE
from lit_embed.models import ImageTextEncoder
from lit_embed.modules import ImageTextBiEncoder


@pytest.fixture
def data(tmp_path) -> ImageText:
    photos = toy_photos(tmp_path / "photos", 16, captions=3)
    captions = tmp_path / "photos/captions.csv"
    captions.write_text(captions.read_text() + "1.png,a cat\n2.png,a cat\n12.png,a cat\n")          # one for several images
    return ImageText(path=photos, validation=0.8, batch_size=3)


def module_for(folder: str) -> ImageTextBiEncoder:
    return ImageTextBiEncoder(ImageTextEncoder(folder), SymmetricInfoNCE(), learning_rate=1e-3)


def naive(module, found, k):
    """Caption by caption over the images, image by image over the distinct captions: who finds one of their own?"""
    texts = list(dict.fromkeys(text for own in found.captions for text in own))
    images, words = module.encoder.encode_images(found.images), module.encoder.encode(texts, "query")
    images, words = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, words))
    to_image = [any(text in found.captions[i] for i in np.argsort(-images @ word, kind="stable")[:k])
                for text, word in zip(texts, words)]
    to_text = [any(texts[t] in own for t in np.argsort(-words @ image, kind="stable")[:k])
               for own, image in zip(found.captions, images)]
    return np.mean(to_image), np.mean(to_text)


def test_both_ways_are_what_the_loop_finds(data, pair_folder, tmp_path):
    module, recall = module_for(pair_folder()), ImageTextRecall()
    trainer = toy_trainer(tmp_path, [recall])
    trainer.validate(module, data, verbose=False)
    found = data.images("validation")
    logged = {name: value.item() for name, value in trainer.callback_metrics.items()}
    for k in (1, 5, 10):
        to_image, to_text = naive(module, found, k)
        assert logged[f"text_to_image_recall@{k}"] == pytest.approx(to_image)
        assert logged[f"image_to_text_recall@{k}"] == pytest.approx(to_text)
    assert recall.found.corpus == len(found) == 13 and 0 < logged["text_to_image_mrr@10"] < 1
    assert recall.found.samples[0]["found"][0].endswith(".png")


def test_text_and_image_evaluations_are_not_taken_for_each_other(data, pair_folder, toy_backbone, tmp_path):
    with pytest.raises(UserError, match="ImageText holds images, which this evaluation does not read: use ImageTextRecall"):
        toy_trainer(tmp_path, [HitRate()]).fit(module_for(pair_folder()), data)
    with pytest.raises(UserError, match="BiEncoder reads no images: use HitRate"):
        toy_trainer(tmp_path, [ImageTextRecall()]).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    with pytest.raises(UserError, match="needs images with captions, which ToyData has not"):
        toy_trainer(tmp_path, [ImageTextRecall(ToyData())]).fit(module_for(pair_folder()), data)


def test_a_fast_dev_run_looks_at_a_few_images(data, pair_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("lit_embed.callbacks.image_text_recall.FEW", 5)
    recall = ImageTextRecall()
    toy_trainer(tmp_path, [recall], fast_dev_run=True).fit(module_for(pair_folder()), data)
    assert recall.found.corpus == 5
