// Pairs of rows by tile and offset, made once for a kernel map: what a build without AVX-512 goes through instead of the
// table, of whose entries three in four are empty. A tile is TILE output rows; rows that follow each other are near each
// other, so that the input rows of a tile stay in the cache over all offsets and columns.
#pragma once
#include <cstdint>

constexpr int TILE = 512;

struct Lists {
  const int64_t* starts;   // (tiles, K + 1): where the pairs of each tile and offset begin, and where the last ones end
  const int32_t* inputs;   // the input row of each pair
  const uint16_t* places;  // the place of its output row in the tile
  int offsets;

  int64_t pairs(int64_t tile, int offset) const {
    const int64_t* start = starts + tile * (offsets + 1) + offset;
    return start[1] - start[0];
  }
};
