"""Embedding and scoring in the middle of a run: every process its share, and no trace afterwards."""

from functools import partial

import pytest
import torch
from toy_run import toy_cross_encoder, toy_module, toy_trainer
from toys import run_in_processes, toy_texts

from lit_embed.batches import text_ids
from lit_embed.callbacks.embedding import embed, embed_stored, from_first_process, score, undisturbed
from lit_embed.data.token_store import open_store


def trainer_and_module(backbone, folder, make=toy_module, **changes):
    trainer, module = toy_trainer(folder, [], **changes), make(backbone)
    trainer.strategy.connect(module)
    return trainer, module


@pytest.mark.parametrize("count", [0, 1, 7])
def test_embed_is_encode_in_the_same_order(toy_backbone, tmp_path, count):
    trainer, module = trainer_and_module(toy_backbone, tmp_path)
    texts = toy_texts(count)
    found = embed(trainer, module, texts, "query", title="toys")
    torch.testing.assert_close(found, torch.from_numpy(module.encoder.encode(texts)))


def test_texts_that_are_tokenised_already_get_the_embeddings_of_their_role(toy_backbone, tmp_path):
    trainer, module = trainer_and_module(toy_backbone, tmp_path)
    module.encoder.document_prefix = "the dog "
    texts = toy_texts(9)
    store = open_store(texts, "the dog ", module.encoder.tokenizer, tmp_path)
    wanted = [texts[i] for i in (5, 0, 5, 8)]
    found = embed_stored(trainer, module, store, store.places(text_ids(wanted)))
    torch.testing.assert_close(found, torch.from_numpy(module.encoder.encode(wanted, "document")))
    assert not found.requires_grad


def test_the_role_picks_the_prefix(toy_backbone, tmp_path):
    trainer, module = trainer_and_module(toy_backbone, tmp_path)
    module.encoder.query_prefix, module.encoder.document_prefix = "a cat ", "the dog "
    both = [embed(trainer, module, ["sat"], role) for role in ("query", "document")]
    torch.testing.assert_close(torch.cat(both), torch.from_numpy(module.encoder.encode(["a cat sat", "the dog sat"])))


def embed_my_share(rank, backbone, folder, texts, expected):
    trainer, module = trainer_and_module(backbone, folder)
    seen = []
    encode = module.encoder.encode
    module.encoder.encode = lambda share, role: seen.extend(share) or encode(share, role)
    torch.testing.assert_close(embed(trainer, module, texts, "document"), expected, atol=1e-6, rtol=1e-5)
    assert len(seen) == len(texts[rank::2])                       # half of the work each, not all of it twice
    assert from_first_process({"figure": 0.1 + rank}, module.device) == {"figure": 0.1}


def test_two_processes_embed_seven_texts_as_one_does(toy_backbone, tmp_path):
    texts = toy_texts(7)
    expected = embed(*trainer_and_module(toy_backbone, tmp_path), texts, "document")
    run_in_processes(2, embed_my_share, toy_backbone, tmp_path, texts, expected)


@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("num_labels", [1, 3])
def test_score_is_that_of_the_encoder_in_the_same_order(toy_backbone, tmp_path, count, num_labels):
    trainer, module = trainer_and_module(toy_backbone, tmp_path, partial(toy_cross_encoder, num_labels=num_labels))
    pairs = list(zip(toy_texts(count), toy_texts(count, seed=1)))
    found = score(trainer, module, pairs, title="toys")
    torch.testing.assert_close(found, torch.from_numpy(module.encoder.score(pairs)))
    assert found.shape == ((count,) if num_labels == 1 else (count, num_labels))


def score_my_share(rank, backbone, folder, state, pairs, expected):
    trainer, module = trainer_and_module(backbone, folder, toy_cross_encoder)
    module.load_state_dict(state)                                 # the head starts at random
    seen, of_encoder = [], module.encoder.score
    module.encoder.score = lambda share: seen.extend(share) or of_encoder(share)
    found = score(trainer, module, pairs)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    assert len(seen) == len(range(rank, 7, 2)) and found[7:].tolist() == found[:2].tolist()       # equal pairs once


def test_two_processes_score_nine_pairs_of_which_two_are_repeats_as_one_does(toy_backbone, tmp_path):
    pairs = list(zip(toy_texts(7), toy_texts(7, seed=1)))
    pairs += pairs[:2]
    trainer, module = trainer_and_module(toy_backbone, tmp_path, toy_cross_encoder)
    expected = score(trainer, module, pairs)
    run_in_processes(2, score_my_share, toy_backbone, tmp_path, module.state_dict(), pairs, expected)


@pytest.mark.parametrize("grad", [True, False])
def test_modes_random_numbers_and_grad_mode_are_as_before(toy_backbone, tmp_path, grad):
    trainer, module = trainer_and_module(toy_backbone, tmp_path)
    module.train()
    module.encoder.backbone.embeddings.eval()                      # frozen on purpose
    modes, state = [part.training for part in module.modules()], torch.get_rng_state()
    with torch.set_grad_enabled(grad):
        with undisturbed(trainer, module):
            torch.rand(3)
            assert not module.training and not torch.is_grad_enabled()
        assert torch.is_grad_enabled() is grad
    assert [part.training for part in module.modules()] == modes and torch.equal(torch.get_rng_state(), state)


def test_modes_come_back_after_an_error(toy_backbone, tmp_path):
    trainer, module = trainer_and_module(toy_backbone, tmp_path)
    module.train()
    with pytest.raises(KeyError), undisturbed(trainer, module):
        raise KeyError
    assert all(part.training for part in module.modules()) and torch.is_grad_enabled()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_evaluation_runs_in_the_precision_of_the_run(toy_backbone, tmp_path, precision):
    trainer, module = trainer_and_module(toy_backbone, tmp_path, precision=precision)
    with undisturbed(trainer, module):
        assert torch.is_autocast_enabled("cpu") is (precision == "bf16-mixed")
    assert embed(trainer, module, ["a cat"], "query").dtype == torch.float32
