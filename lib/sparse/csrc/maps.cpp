// Kernel maps: which input row lies under which kernel offset of each output row. Compiled by lib/sparse/paths/cpu.
#include <algorithm>
#include <cstdint>

#include "lists.h"
#include "micro_kernel.h"

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

// Output rows of a tile of `sparse_lists`; 0: this build goes through tables.
int sparse_tile() { return HAS_LISTS ? TILE : 0; }

// The pairs of a table (K, rows) by tile and offset: input row, and place of the output row in its tile. Those of tile t
// begin at t * K * TILE, those of its offset k are from starts[t * (K + 1) + k] on.
void sparse_lists(const int32_t* table, int64_t rows, int offsets, int64_t* starts, int32_t* inputs, uint16_t* places,
                  int threads) {
  const int64_t tiles = (rows + TILE - 1) / TILE;
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t t = 0; t < tiles; t++) {
    int64_t* start = starts + t * (offsets + 1);
    start[0] = t * offsets * TILE;
    for (int k = 0; k < offsets; k++) {
      const int32_t* line = table + k * rows + t * TILE;
      const int count = (int)std::min<int64_t>(TILE, rows - t * TILE);
      int32_t found[TILE];  // apart, as one more than there are is written
      uint16_t where[TILE];
      int pairs = 0;
      for (int i = 0; i < count; i++) {
        found[pairs] = line[i], where[pairs] = (uint16_t)i;
        pairs += line[i] >= 0;
      }
      std::copy_n(found, pairs, inputs + start[k]);
      std::copy_n(where, pairs, places + start[k]);
      start[k + 1] = start[k] + pairs;
    }
  }
}
}
