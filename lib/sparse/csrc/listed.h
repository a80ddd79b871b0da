// Forward pass over pairs by tile and offset, in float32.
#pragma once
#include <algorithm>

#include "lists.h"
#include "micro_kernel.h"

// sums[place of pair r] += features[input of pair r] * b for R pairs, `depth` channels; brings the next pairs' rows.
template <int R, int WIDTH>
static __attribute__((noinline)) void add_pairs(const float* features, int64_t channels, const int32_t* inputs,
                                                const uint16_t* places, float* sums, const float* b, int64_t stride,
                                                int depth) {
  constexpr int COLUMNS = WIDTH * LANES, LINE = 16;
  const float* row[R];
  float* to[R];
  vec sum[R][WIDTH];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) row[r] = features + inputs[r] * channels, to[r] = sums + places[r] * COLUMNS;
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < WIDTH; v++) sum[r][v] = *(const vec*)(to[r] + v * LANES);
  for (int first = 0; first < depth; first += LINE) {
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) __builtin_prefetch(features + inputs[R + r] * channels + first);
    const int last = std::min(depth, first + LINE);
    for (int c = first; c < last; c++) {
      vec column[WIDTH];
#pragma GCC unroll 4
      for (int v = 0; v < WIDTH; v++) column[v] = *(const loose_vec*)(b + c * stride + v * LANES);
#pragma GCC unroll 16
      for (int r = 0; r < R; r++) {
        const float x = row[r][c];
#pragma GCC unroll 4
        for (int v = 0; v < WIDTH; v++) sum[r][v] += x * column[v];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 4
    for (int v = 0; v < WIDTH; v++) *(vec*)(to[r] + v * LANES) = sum[r][v];
}

template <int WIDTH>
static void add_offset(const float* features, int64_t channels, const int32_t* inputs, const uint16_t* places,
                       int64_t pairs, float* sums, const float* b, int64_t stride) {
  constexpr int ROWS = rows_for(WIDTH), DEPTH = 128;
  const int passes = (channels + DEPTH - 1) / DEPTH, step = (channels + passes - 1) / passes;
  for (int first = 0; first < channels; first += step) {
    const int depth = std::min<int>(step, channels - first);
    const float *x = features + first, *w = b + first * stride;
    int64_t i = 0;
    for (; i + ROWS <= pairs; i += ROWS)
      add_pairs<ROWS, WIDTH>(x, channels, inputs + i, places + i, sums, w, stride, depth);
    switch (pairs - i) {
#define REST(R) case R: if constexpr (R < ROWS) add_pairs<R, WIDTH>(x, channels, inputs + i, places + i, sums, w, stride, depth); break;
      REST(1) REST(2) REST(3) REST(4) REST(5) REST(6) REST(7)
#undef REST
    }
  }
}

// out[o] += features[i] * b for all pairs of an offset, up to three channels: their weights stay in registers.
template <int DEPTH, int WIDTH>
static void add_shallow(const float* features, const int32_t* inputs, const uint16_t* places, int64_t pairs, float* sums,
                        const float* b, int64_t stride) {
  constexpr int COLUMNS = WIDTH * LANES;
  vec w[DEPTH][WIDTH];
#pragma GCC unroll 4
  for (int c = 0; c < DEPTH; c++)
#pragma GCC unroll 4
    for (int v = 0; v < WIDTH; v++) w[c][v] = *(const loose_vec*)(b + c * stride + v * LANES);
  for (int64_t i = 0; i < pairs; i++) {
    const float* x = features + (int64_t)inputs[i] * DEPTH;
    float* to = sums + places[i] * COLUMNS;
#pragma GCC unroll 4
    for (int v = 0; v < WIDTH; v++) {
      vec sum = *(const vec*)(to + v * LANES);
#pragma GCC unroll 4
      for (int c = 0; c < DEPTH; c++) sum += x[c] * w[c][v];
      *(vec*)(to + v * LANES) = sum;
    }
  }
}

// `columns` outputs from `first` on of one tile; weights packed by blocks of columns: [block][offset][channel][width * LANES].
template <int WIDTH>
static void convolve_tile(const Lists& lists, int64_t tile, int count, const float* features, int64_t channels,
                          const float* b, int64_t stride_k, int64_t stride, bool flipped, const float* bias, int first,
                          int columns, const Finish& finish, float* sums, float* result, int64_t outputs) {
  constexpr int COLUMNS = WIDTH * LANES;
  alignas(64) float start[COLUMNS];
  for (int c = 0; c < COLUMNS; c++) start[c] = bias && c < columns ? bias[first + c] : 0.f;
  for (int i = 0; i < count; i++) std::memcpy(sums + i * COLUMNS, start, sizeof(start));
  for (int k = 0; k < lists.offsets; k++) {
    const int64_t* start = lists.starts + tile * (lists.offsets + 1) + k;
    const int64_t at = start[0], pairs = start[1] - at;
    if (!pairs) continue;
    const float* w = b + (flipped ? lists.offsets - 1 - k : k) * stride_k;
    const int32_t* inputs = lists.inputs + at;
    const uint16_t* places = lists.places + at;
    switch (channels) {
      case 1: add_shallow<1, WIDTH>(features, inputs, places, pairs, sums, w, stride); break;
      case 2: add_shallow<2, WIDTH>(features, inputs, places, pairs, sums, w, stride); break;
      case 3: add_shallow<3, WIDTH>(features, inputs, places, pairs, sums, w, stride); break;
      default: if constexpr (WIDTH <= MAX_WIDTH)
        add_offset<WIDTH>(features, channels, inputs, places, pairs, sums, w, stride);
    }
  }
  for (int i = 0; i < count; i++) {
    const int64_t at = (tile * TILE + i) * outputs;
    finish.apply<float>(sums + i * COLUMNS, first, columns, at);
    float* out = result + at + first;
    if (columns == COLUMNS) std::memcpy(out, sums + i * COLUMNS, sizeof(start));
    else std::memcpy(out, sums + i * COLUMNS, columns * 4);
  }
}
