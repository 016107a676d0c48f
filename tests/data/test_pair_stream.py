"""A file as a stream has the same rows as the same file in memory, without ever holding them."""

import json
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_words import WordTokenizer, with_trainer, write

from lit_embed.data import Mixture, Pairs, PairStream
from lit_embed.data.pair_stream import hold_out_rows
from lit_embed.data.stream_blocks import Block
from lit_embed.errors import UserError

ROWS = [{"query": f"query {i}", "document": f"document {i}", "score": i % 5, "wrong": f"wrong {i}"} for i in range(200)]


@pytest.fixture(autouse=True)
def no_global_seed(monkeypatch):
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)


@pytest.fixture
def file(tmp_path) -> str:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet", row_group_size=70)
    return str(tmp_path / "rows.parquet")


def stream(path, **settings) -> PairStream:
    return PairStream(path=path, **{"batch_size": 10, "buffer": 48, "held_out": 20, **settings})


def seen(loader, epoch=0) -> list:
    if hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(epoch)
    return [(batch.query_ids.tolist(), batch.document_ids.tolist()) for batch in loader]


def queries(batches) -> list[int]:
    return [query for first, _ in batches for query in first]


def test_training_and_validation_are_all_rows_each_once(file):
    data, whole = with_trainer(stream(file)), with_trainer(Pairs(path=file, batch_size=10, validation=0.5))
    train, validation = queries(seen(data.train_dataloader())), queries(seen(data.val_dataloader()))
    assert (len(train), len(validation)) == (180, 20)
    everything = queries(seen(whole.train_dataloader())) + queries(seen(whole.val_dataloader()))
    assert sorted(train + validation) == sorted(everything)


def test_epochs_differ_and_the_validation_rows_stay(file):
    data = with_trainer(stream(file))
    loader = data.train_dataloader()
    assert seen(loader, 0) != seen(loader, 1) and sorted(queries(seen(loader, 0))) == sorted(queries(seen(loader, 1)))
    assert seen(data.val_dataloader()) == seen(with_trainer(stream(file, seed=42)).val_dataloader())
    assert data.rows("test").queries == data.rows("validation").queries


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_stream_goes_on_with_the_rest(file, num_workers):
    data = with_trainer(stream(file, num_workers=num_workers))
    loader = data.train_dataloader()
    loader.sampler.set_epoch(2)
    batches = iter(loader)
    for _ in range(7):
        next(batches)
    state = data.state_dict()
    rest = [(batch.query_ids.tolist(), batch.document_ids.tolist()) for batch in batches]
    resumed, tokenizer = stream(file, seed=9), WordTokenizer()
    resumed.load_state_dict(state)
    resumed.seed = 42
    loader = with_trainer(resumed, tokenizer).train_dataloader()
    tokenizer.asked.clear()
    assert seen(loader, 2) == rest and len(rest) == 11
    assert len(tokenizer.asked) == 11 * 20                         # nothing of what came before is tokenised again


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_text_files_and_folders_have_the_same_rows_as_parquet(file, kind, tmp_path):
    folder = tmp_path / "folder"
    for part, rows in enumerate((ROWS[:90], ROWS[90:])):
        lines = [json.dumps(row) for row in rows] if kind == "jsonl" else [
            ",".join(ROWS[0]), *(",".join(map(str, row.values())) for row in rows)]
        write(folder / f"train-{part}.{kind}", "\n".join(lines) + "\n")
    found = [with_trainer(stream(path, label="score", score_range=(0, 4), negatives="wrong")) for path in (file, str(folder))]
    labels = []
    for data in found:
        batches = list(data.train_dataloader()) + list(data.val_dataloader())
        labels.append(sorted((int(q), round(float(s), 2)) for batch in batches for q, s in zip(batch.query_ids, batch.labels)))
        assert all(batch.document_ids.shape[1] == 2 for batch in batches)
    assert labels[0] == labels[1] and len(labels[0]) == 200


def test_a_validation_split_is_used_where_there_is_one(tmp_path):
    for name, rows in (("train", ROWS[:150]), ("validation", ROWS[150:])):
        write(tmp_path / f"{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    data = with_trainer(stream(str(tmp_path)))
    assert len(data.pairs("train")) == 150 and data.rows("validation").queries == [row["query"] for row in ROWS[150:]]
    assert len(with_trainer(stream(str(tmp_path), limit=30)).pairs("train")) == 30


def test_prefixes_go_before_the_texts(file):
    tokenizer = WordTokenizer()
    next(iter(with_trainer(stream(file, query_prefix="ask: "), tokenizer, "query: ", "passage: ").train_dataloader()))
    assert {text.split()[0] for text in tokenizer.asked[-20:]} == {"ask:", "passage:"}


def test_what_goes_to_workers_can_be_pickled_without_the_run(file):
    pairs = with_trainer(stream(file)).pairs("train")
    assert pickle.loads(pickle.dumps(pairs)).rows(0, 9) == pairs.rows(0, 9)


def test_a_stream_is_a_set_of_a_mixture_like_any_other(file):
    data = with_trainer(Mixture({"stream": stream(file), "memory": Pairs(path=file, batch_size=20, validation=0.2)}))
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(batches) == 18 + 8 and {batch.source for batch in batches} == {"stream", "memory"}
    assert len({int(query) for batch in batches if batch.source == "stream" for query in batch.query_ids}) == 180


def test_rows_held_out_come_from_several_blocks():
    blocks = [Block("file", i, 0, 10, 1 + 10 * i) for i in range(40)]
    train, held = hold_out_rows(blocks, 33, seed=0)
    assert sum(block.rows for block in train) == 367 and sum(block.rows for block in held) == 33 and len(held) == 11
    numbers = [number for block in train + held for number in range(block.first, block.first + block.rows)]
    assert sorted(numbers) == list(range(1, 401))
    train, held = hold_out_rows([Block("file", 0, 0, 9, 1), Block("file", 9, 0, 1, 10)], 5, seed=0)
    assert [block.rows for block in train] in ([4, 1], [5]) and sum(block.rows for block in held) == 5
    with pytest.raises(UserError, match="data.held_out: 300 of 400 rows for validation; at most half"):
        hold_out_rows(blocks, 300, seed=0)


@pytest.mark.parametrize("settings, message", [
    ({"no_duplicates": True}, "data.no_duplicates is not known of rows"), ({"random_negatives": 1}, "data.random_negatives are drawn"),
    ({"on_bad_row": "skip"}, "on_bad_row: skip would leave"), ({"validation": 0.1}, "is data.held_out"),
    ({"buffer": 0}, "data.buffer is 0"),
])
def test_what_a_stream_cannot_do_is_one_line(settings, message):
    with pytest.raises(UserError, match=message):
        stream("rows.parquet", **settings)


def test_mistakes_in_the_data_are_one_line(file, tmp_path):
    with pytest.raises(UserError, match="no column 'question'"):
        with_trainer(stream(file, query="question"))
    with pytest.raises(UserError, match="never in memory together"):
        stream(file).rows("train")
    with pytest.raises(UserError, match="larger than the training data, which has 180 rows"):
        with_trainer(stream(file, batch_size=181)).train_dataloader()
    with pytest.raises(UserError, match="overfit_batches repeats a few batches from memory"):
        with_trainer(stream(file), overfit_batches=2).train_dataloader()
    with pytest.raises(UserError, match="PairStream needs data.path"):
        with_trainer(stream(None))
    write(tmp_path / "bad.jsonl", "".join(json.dumps(row) + "\n" for row in [*ROWS[:80], {"query": "q"}]))
    data = with_trainer(stream(str(tmp_path / "bad.jsonl"), held_out=1))
    with pytest.raises(UserError, match="bad.jsonl, row 81: column 'document' is empty; fill it, or .* with a filter"):
        list(data.train_dataloader())
