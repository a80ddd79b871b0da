"""Scenes over processes: none twice, none left out, and in training the batches of one process in their order."""
import pytest

from datasets.scene_sampling import BatchesInTurn, EpochSampler, Share, SharedBatches


@pytest.mark.parametrize("scenes,size,world", [(12, 2, 2), (11, 2, 3), (7, 1, 3), (3, 4, 2), (1, 2, 3)])
@pytest.mark.parametrize("start", [0, 6])
def test_the_shares_of_every_batch_are_that_batch_of_one_process(scenes, size, world, start):
    def batches(batch_size, rank, count):
        sampler = EpochSampler(scenes, seed=3)
        sampler.set_epoch(5, min(start, scenes))
        return SharedBatches(sampler, batch_size, rank, count)

    alone = list(batches(size * world, 0, 1))
    parts = [batches(size, rank, world) for rank in range(world)]
    assert all(len(part) == len(list(part)) == len(alone) for part in parts)
    for k, batch in enumerate(alone):
        together = []
        for part in parts:
            items, share = list(part)[k], list(part.shares())[k]
            if share.lent:
                assert items == batch[:1] and share.first == 0
            else:
                assert share.first == len(together)
                together += items
        assert together == batch
        assert max(len(list(part)[k]) for part in parts) <= -(-len(batch) // world)


def test_only_a_process_without_a_scene_is_lent_one():
    shares = [list(SharedBatches(range(7), 2, rank, 3).shares()) for rank in range(3)]
    assert shares == [[Share(0), Share(0)], [Share(2), Share(0, lent=True)], [Share(4), Share(0, lent=True)]]


@pytest.mark.parametrize("scenes,size,world", [(12, 2, 2), (11, 2, 3), (1, 2, 3), (5, 1, 2)])
def test_processes_take_whole_batches_in_turn_each_once(scenes, size, world):
    alone = list(BatchesInTurn(range(scenes), size))
    parts = [list(BatchesInTurn(range(scenes), size, rank, world)) for rank in range(world)]
    assert [parts[k % world][k // world] for k in range(len(alone))] == alone
    assert sum(map(len, parts)) == len(alone) and sum(alone, []) == list(range(scenes))
    assert [len(BatchesInTurn(range(scenes), size, rank, world)) for rank in range(world)] == list(map(len, parts))
