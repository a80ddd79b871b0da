// Kernel maps: which input row lies under which kernel offset of each output row. Compiled by lib/sparse/paths/cpu.
#include <algorithm>
#include <cstdint>

extern "C" {
// table[k][row of target] = row of source whose key is the target's key + shifts[k], or -1. Keys are sorted; `order`
// gives the row of each. A shift keeps the targets sorted, so one walk along both lists finds all neighbours under it.
// symmetric: source and target are one, and offset K-1-k is the opposite of k: the second half mirrors the first.
void sparse_neighbour_table(const int64_t* source_keys, const int64_t* source_order, int64_t sources,
                            const int64_t* target_keys, const int64_t* target_order, int64_t targets,
                            const int64_t* shifts, int offsets, int symmetric, int32_t* table, int threads) {
  const int64_t chunk = 16384, chunks = (targets + chunk - 1) / chunk;
  const int walked = symmetric ? offsets / 2 + 1 : offsets;
#pragma omp parallel num_threads(threads)
  {
#pragma omp for schedule(static)
    for (int k = walked; k < offsets; k++) std::fill_n(table + k * targets, targets, -1);
#pragma omp for collapse(2) schedule(dynamic, 1)
    for (int k = 0; k < walked; k++)
      for (int64_t c = 0; c < chunks; c++) {
        const int64_t first = c * chunk, last = std::min(targets, first + chunk), shift = shifts[k];
        int32_t* line = table + k * targets;
        int32_t* mirrored = symmetric && 2 * k + 1 != offsets ? table + (offsets - 1 - k) * targets : nullptr;
        const int64_t* end = source_keys + sources;
        const int64_t* key = std::lower_bound(source_keys, end, target_keys[first] + shift);
        for (int64_t i = first; i < last; i++) {
          const int64_t wanted = target_keys[i] + shift;
          while (key < end && *key < wanted) key++;
          const bool found = key < end && *key == wanted;
          const int32_t row = (int32_t)target_order[i], other = found ? (int32_t)source_order[key - source_keys] : -1;
          line[row] = other;
          if (mirrored && found) mirrored[other] = row;
        }
      }
  }
}

// The same map seen from its inputs: reverse[k][input] = output, -1 where there is none.
void sparse_reverse_table(const int32_t* table, int64_t outputs, int64_t inputs, int offsets, int32_t* reverse,
                          int threads) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
  for (int k = 0; k < offsets; k++) {
    std::fill_n(reverse + k * inputs, inputs, -1);
    for (int64_t i = 0; i < outputs; i++)
      if (table[k * outputs + i] >= 0) reverse[k * inputs + table[k * outputs + i]] = (int32_t)i;
  }
}
}
