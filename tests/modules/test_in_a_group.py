"""Resuming and adding up gradients on two processes; in one group, which costs more to start than all the runs in it."""

import test_accumulation as accumulation
import test_resume as resume
import torch
from pytorch_lightning.strategies import DDPStrategy
from short_fit import pairs_file
from toys import run_in_processes

from lit_embed.distributed import gather


def parts_of_two(backbone, path, folder, expected):
    for loss, (steps, end) in expected.items():
        seen, found = accumulation.fit(loss, folder, backbone, path, 2, 2, devices=2,
                                       strategy=DDPStrategy(process_group_backend="gloo"))
        torch.testing.assert_close(seen.steps, steps, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(found, end, rtol=1e-5, atol=1e-7)
        first, second = gather(seen.parts[0][None])                           # after one part nothing is exchanged yet
        assert not torch.allclose(first, second)


def resumed_by_two(backbone, path, folder):
    # These processes were spawned and would spawn their workers too, ten seconds each; those of a run are forked.
    torch.multiprocessing.set_start_method("fork", force=True)

    def fit(*callbacks, workers=0, after=None):
        return resume.fit(folder, backbone, path, *callbacks, after=after, devices=2, accumulate_grad_batches=2,
                          strategy=DDPStrategy(process_group_backend="gloo"),
                          data={"batch_size": 4, "no_duplicates": True, "num_workers": workers})

    whole = fit(resume.SaveEvery(folder))
    for seen, workers in ((1, 0), (resume.EPOCH - 1, 1), (resume.EPOCH, 0)):
        resume.assert_the_rest(fit(workers=workers, after=folder / f"{seen}.ckpt"), whole, seen)


def both(rank, backbone, path, folder, expected):
    parts_of_two(backbone, path, folder, expected)
    resumed_by_two(backbone, path, folder)


def test_two_processes_in_parts_have_the_gradient_of_one_and_resume_to_the_bit(toy_backbone, tmp_path):
    """InfoNCE sees the rows of both processes in each part: its parts are those of one process."""
    path = pairs_file(tmp_path)
    runs = {loss: accumulation.fit(loss, tmp_path, toy_backbone, path, parts) for loss, parts in
            {"cosine": 1, "relevance": 1, "info_nce": 2}.items()}
    expected = {loss: (seen.steps, end) for loss, (seen, end) in runs.items()}
    run_in_processes(2, both, toy_backbone, path, tmp_path, expected)
