"""Kernel maps for the GPU path in torch operations that never wait for the device: no size here depends on its values.
"""
import torch
from torch import Tensor

from lib.sparse.schedules import lines_at_once


def neighbour_table(source_keys: Tensor, source_order: Tensor, target_keys: Tensor, target_order: Tensor,
                    shifts: list[int], symmetric: bool) -> Tensor:
    """(K, N_target) int32 rows of the source whose key is the target's + shifts[k], -1 where there is none.

    Keys are sorted, `order` gives the row of each. symmetric: shifts[K-1-k] is -shifts[k] and both sides are the same.
    One search serves all offsets; of a symmetric map it looks for half of them.
    """
    volume, inputs, outputs = len(shifts), len(source_keys), len(target_keys)
    half = volume // 2 + 1 if symmetric else volume
    # one column more than rows: what belongs nowhere is written there
    table = torch.full((volume, outputs + 1), -1, dtype=torch.int32, device=target_keys.device)
    steps = torch.tensor(shifts[:half]).to(target_keys.device, non_blocking=True)
    source_rows, columns = source_order.int(), target_order.expand(half, outputs)
    for lines in lines_at_once(half, outputs):
        wanted = target_keys + steps[lines, None]
        place = torch.searchsorted(source_keys, wanted).clamp_(max=inputs - 1)
        rows = torch.where(source_keys[place] == wanted, source_rows[place], -1)
        table[lines].scatter_(1, columns[lines], rows)
        if symmetric:
            mirror = table[volume - lines.stop:volume - lines.start].flip(0)
            mirror.scatter_(1, torch.where(rows < 0, outputs, rows).long(), columns[lines].int())
            table[volume - lines.stop:volume - lines.start] = mirror.flip(0)
    return table[:, :outputs].contiguous()


def reverse_table(table: Tensor, num_inputs: int) -> Tensor:
    """The same map from its inputs: (K, N_in) int32 output rows, -1 where there is none."""
    volume, outputs = table.shape
    reverse = table.new_full((volume, num_inputs + 1), -1)
    rows = torch.arange(outputs, dtype=torch.int32, device=table.device)
    for lines in lines_at_once(volume, outputs):
        column = torch.where(table[lines] < 0, num_inputs, table[lines]).long()
        reverse[lines].scatter_(1, column, rows.expand_as(table[lines]))
    return reverse[:, :num_inputs].contiguous()
