// Sparse convolution over a neighbour table: forward (also the input gradient) and weight gradient.
// Compiled by lib/sparse/paths/cpu into a plain C library; no atomics, every sum is taken in a fixed order.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <vector>

#include "listed.h"
#include "micro_kernel.h"

namespace {
constexpr int DEPTH = 128;       // words of one row multiplied per pass: a block of B is DEPTH x 64 floats, 32 KB
constexpr int MAX_TILE = 512;    // output rows whose sums one thread holds in its cache
constexpr int MAX_PAIRS = 128;  // pairs summed per pass of the weight gradient

struct Free { void operator()(void* p) const { std::free(p); } };
typedef std::unique_ptr<float[], Free> Buffer;
Buffer buffer(size_t floats) {
  return Buffer((float*)std::aligned_alloc(64, (std::max<size_t>(floats, 16) * 4 + 63) / 64 * 64));
}

// Weights of one offset and one block of columns as [words of C_in][width * LANES], so that reading them is sequential.
// weight element (c, n) of offset k lies at k * stride_k + c * stride_c + n * stride_n.
template <class T>
void pack_block(const T* w, float* out, int inputs, int columns, int padded, int64_t stride_c, int64_t stride_n) {
  if constexpr (sizeof(T) == 4) {
    constexpr int STEP = 16;  // square blocks, so that a transposed weight is read in whole cache lines
    for (int c0 = 0; c0 < inputs; c0 += STEP) {
      int c1 = std::min(inputs, c0 + STEP);
      for (int n0 = 0; n0 < padded; n0 += STEP)
        for (int c = c0; c < c1; c++)
          for (int n = n0; n < std::min(padded, n0 + STEP); n++)
            out[(int64_t)c * padded + n] = n < columns ? w[c * stride_c + n * stride_n] : 0.f;
    }
  } else {
    uint16_t* pairs = (uint16_t*)out;
    int even = (inputs + 1) / 2 * 2;
    for (int c = 0; c < even; c++)
      for (int n = 0; n < padded; n++)
        pairs[((int64_t)(c / 2) * padded + n) * 2 + (c & 1)] =
            n < columns && c < inputs ? w[c * stride_c + n * stride_n] : 0;
  }
}

// One tile of output rows times one block of columns: sums over all offsets in `sums` (rows x WIDTH * LANES).
template <int WIDTH, bool BF16>
struct Tile {
  static constexpr int ROWS = rows_for(WIDTH), HALF = (ROWS + 1) / 2, COLUMNS = WIDTH * LANES;
  alignas(64) float sums[MAX_TILE * COLUMNS];
  alignas(64) float spare[COLUMNS];  // where the rows that fill up the last block of pairs are added
  const word* in[MAX_TILE + ROWS];
  float* out[MAX_TILE + ROWS];
  int pairs;

  // Rows of the table's line for one offset that exist.
  void collect(const int32_t* table, const word* features, int64_t row_words, int rows) {
    pairs = 0;
    for (int i = 0; i < rows; i++) {
      int32_t row = table[i];
      in[pairs] = (const word*)((const char*)features + (row < 0 ? 0 : row) * row_words * 4);
      out[pairs] = sums + i * COLUMNS;
      pairs += row >= 0;
    }
    fill_up();
  }
  void identity(const word* features, int64_t row_words, int rows) {
    for (pairs = 0; pairs < rows; pairs++) {
      in[pairs] = features + pairs * row_words;
      out[pairs] = sums + pairs * COLUMNS;
    }
    fill_up();
  }
  void fill_up() {
    for (int r = 0; pairs && r < ROWS; r++) in[pairs + r] = in[pairs - 1], out[pairs + r] = spare;
  }
  template <int R>
  void block(int i, const float* b, int64_t stride, int first, int depth) {
    struct Rows {
      const word* row[R];
      word operator()(int r, int c) const { return row[r][c]; }
    } a;
    for (int r = 0; r < R; r++) a.row[r] = in[i + r] + first;
    micro_kernel<R, WIDTH, BF16>(a, out + i, b, stride, depth);
  }
  void add(const float* b, int64_t stride, int words) {
    for (int first = 0; first < words; first += DEPTH) {
      int depth = std::min(DEPTH, words - first), i = 0;
      for (; i + HALF < pairs; i += ROWS) block<ROWS>(i, b + first * stride, stride, first, depth);
      if (i < pairs) block<HALF>(i, b + first * stride, stride, first, depth);
    }
  }
};

template <bool BF16>
void convolve(const void* features, const void* weight, const int32_t* table, void* result, const float* bias,
              const Finish& finish, int64_t rows, int offsets, int inputs, int outputs, int64_t stride_k,
              int64_t stride_c, int64_t stride_n, bool flipped, int threads) {
  typedef typename std::conditional<BF16, uint16_t, float>::type T;
  const Columns columns(outputs);
  const int words = BF16 ? inputs / 2 : inputs;
  const int64_t offset_words = (int64_t)words * columns.vectors * LANES;
  // With few rows packing would cost more than it saves; then the weight is read where it lies.
  const bool packed = BF16 || stride_n != 1 || outputs % LANES || rows > 2048;
  Buffer panels;
  if (packed) {
    panels = buffer(offset_words * offsets);
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
    for (int j = 0; j < columns.blocks; j++)
      for (int k = 0; k < offsets; k++) {
        int width = columns.width(j) * LANES;
        float* out = panels.get() + (int64_t)columns.begin(j) * words * offsets + (int64_t)k * words * width;
        pack_block((const T*)weight + k * stride_k + columns.begin(j) * stride_n, out, inputs, columns.count(j), width,
                   stride_c, stride_n);
      }
  }
  // Tiles of one block of columns follow each other, so that its weights stay in the cache; without a table, blocks of
  // one tile, since then it is the rows that are worth keeping.
  int64_t tile = std::max<int64_t>(48, std::min<int64_t>(MAX_TILE, rows * columns.blocks / (6 * threads) + 1));
  const int64_t tiles = (rows + tile - 1) / tile;
  const int chunk = table ? 1 : columns.blocks;
#pragma omp parallel for schedule(dynamic, chunk) num_threads(threads)
  for (int64_t item = 0; item < tiles * columns.blocks; item++) {
    const int j = (int)(table ? item / tiles : item % columns.blocks);
    const int64_t t = table ? item % tiles : item / columns.blocks;
    with_width(columns.width(j), [&](auto constant) {
      constexpr int WIDTH = decltype(constant)::value, COLUMNS = WIDTH * LANES;
      Tile<WIDTH, BF16> work;
      const int64_t begin = t * tile;
      const int count = (int)(std::min(rows, begin + tile) - begin), first = columns.begin(j), n = columns.count(j);
      for (int c = 0; c < COLUMNS; c++) work.spare[c] = bias && c < n ? bias[first + c] : 0.f;
      for (int i = 0; i < count; i++) std::memcpy(work.sums + i * COLUMNS, work.spare, COLUMNS * 4);
      for (int k = 0; k < offsets; k++) {
        if (table) work.collect(table + k * rows + begin, (const word*)features, (int64_t)words, count);
        else work.identity((const word*)features + begin * words, words, count);
        if (!work.pairs) continue;
        int source = flipped ? offsets - 1 - k : k;
        if (packed)
          work.add(panels.get() + (int64_t)first * words * offsets + (int64_t)source * words * COLUMNS, COLUMNS,
                   words);
        else work.add((const float*)weight + source * stride_k + first, stride_c, words);
      }
      for (int i = 0; i < count; i++) {
        T* out = (T*)result + (begin + i) * outputs + first;
        float* sums = work.sums + i * COLUMNS;
        finish.apply<T>(sums, first, n, (begin + i) * outputs);
        if constexpr (BF16) for (int c = 0; c < n; c++) out[c] = to_bf16(sums[c]);
        else std::memcpy(out, sums, n * 4);
      }
    });
  }
}

// The same over pairs by tile and offset, all blocks of columns of a tile one after the other.
void convolve_listed(const float* features, const float* weight, const Lists& lists, float* result, const float* bias,
                     const Finish& finish, int64_t rows, int inputs, int outputs, int64_t stride_k, int64_t stride_c,
                     int64_t stride_n, bool flipped, int threads) {
  const Columns columns(outputs, inputs <= 3 ? 4 : MAX_WIDTH);
  const int offsets = lists.offsets;
  Buffer panels = buffer((int64_t)inputs * columns.vectors * LANES * offsets);
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
  for (int j = 0; j < columns.blocks; j++)
    for (int k = 0; k < offsets; k++) {
      const int width = columns.width(j) * LANES;
      float* out = panels.get() + (int64_t)columns.begin(j) * inputs * offsets + (int64_t)k * inputs * width;
      pack_block(weight + k * stride_k + columns.begin(j) * stride_n, out, inputs, columns.count(j), width, stride_c,
                 stride_n);
    }
  const int64_t tiles = (rows + TILE - 1) / TILE;
  // few tiles: their blocks of columns are shared out, too
  const int shares = (int)std::min<int64_t>(columns.blocks, std::max<int64_t>(1, 6 * threads / tiles));
#pragma omp parallel num_threads(threads)
  {
    Buffer sums = buffer((int64_t)TILE * 4 * LANES);
#pragma omp for collapse(2) schedule(dynamic, 1)
    for (int64_t t = 0; t < tiles; t++)
      for (int share = 0; share < shares; share++)
        for (int j = columns.blocks * share / shares; j < columns.blocks * (share + 1) / shares; j++) {
          const int width = columns.width(j) * LANES, first = columns.begin(j);
          const int64_t count = std::min<int64_t>(TILE, rows - t * TILE);
          auto run = [&](auto constant) {
            convolve_tile<decltype(constant)::value>(
                lists, t, (int)count, features, inputs, panels.get() + (int64_t)first * inputs * offsets,
                (int64_t)inputs * width, width, flipped, bias, first, columns.count(j), finish, sums.get(), result,
                outputs);
          };
          switch (columns.width(j)) {
            case 1: run(std::integral_constant<int, 1>()); break;
            case 2: run(std::integral_constant<int, 2>()); break;
            case 3: run(std::integral_constant<int, 3>()); break;
            default: run(std::integral_constant<int, 4>()); break;
          }
        }
  }
}

// rows[p][first .. first + count) of `pairs` rows to [words of pairs][width], zeros where nothing is. In bfloat16 two
// rows share a word.
template <bool BF16, int WIDTH = 0, class T>
void pack_rows(const T* const* rows, int pairs, int first, int count, int width, float* out) {
  if constexpr (!BF16) {
    if (VECTOR == 32 && count % LANES == 0) {  // whole vectors, the rest of `out` stays as it is
      for (int p = 0; p < pairs; p++, out += width) {
        const float* row = rows[p] + first;
        if (WIDTH && count == WIDTH * LANES)
          for (int v = 0; v < WIDTH; v++) *(loose_vec*)(out + v * LANES) = *(const loose_vec*)(row + v * LANES);
        else
          for (int c = 0; c < count; c += LANES) *(loose_vec*)(out + c) = *(const loose_vec*)(row + c);
      }
      return;
    }
    for (int p = 0; p < pairs; p++, out += width) {
      const float* row = rows[p] + first;
      for (int c = 0; c < count; c++) out[c] = row[c];
      for (int c = count; c < width; c++) out[c] = 0.f;
    }
  } else {
    uint32_t* words = (uint32_t*)out;
    for (int p = 0; p < pairs; p += 2, words += width) {
      const uint16_t* low = rows[p] + first;
      const uint16_t* high = rows[std::min(p + 1, pairs - 1)] + first;
      const uint32_t mask = p + 1 < pairs ? 0xffff0000u : 0;
      for (int c = 0; c < count; c++) words[c] = low[c] | ((uint32_t)high[c] << 16 & mask);
      for (int c = count; c < width; c++) words[c] = 0;
    }
  }
}

// c += a^T b for one block of columns. a: [words][pitch], b: [words][COLUMNS], c: `pitch_c` floats a row.
template <int WIDTH, bool BF16>
void add_outer_products(const float* a, int64_t pitch, const float* b, float* c, int64_t pitch_c, int channels,
                        int words) {
  constexpr int ROWS = rows_for(WIDTH);
  struct Transposed {
    const word* first;
    int64_t pitch;
    word operator()(int r, int p) const { return first[p * pitch + r]; }
  };
  for (int first = 0; first < channels; first += ROWS) {
    float* out[ROWS];
    for (int r = 0; r < ROWS; r++) out[r] = c + (first + r) * pitch_c;
    micro_kernel<ROWS, WIDTH, BF16>(Transposed{(const word*)a + first, pitch}, out, b, WIDTH * LANES, words);
  }
}

// What one thread sums alone: one offset, a range of output rows, a slice of input channels.
struct Item {
  int offset, channel, channels;
  int64_t begin, end, pairs;
  float* sums;
};

// Pairs of an item that wait until there are enough of them: a pass over few costs as much as one over many.
template <class T>
struct Waiting {
  int count = 0;
  const T *in[MAX_PAIRS], *out[MAX_PAIRS];
};

template <bool BF16>
void outer_products(const void* features, const void* gradient, const int32_t* table, const Lists* lists, float* result,
                    int64_t rows, int offsets, int inputs, int outputs, bool flipped, int threads) {
  typedef typename std::conditional<BF16, uint16_t, float>::type T;
  const Columns columns(outputs);
  const int padded = columns.vectors * LANES;
  // Enough items to share out evenly: offsets, then slices of input channels, then ranges of rows.
  const int wanted = threads == 1 ? 1 : (4 * threads + offsets - 1) / offsets;
  const int slice = (inputs / std::max(1, std::min(wanted, inputs / 96)) + 47) / 48 * 48;  // whole rows_for() of any width
  const int slices = (inputs + slice - 1) / slice;
  const int ranges = (int)std::max<int64_t>(1, std::min<int64_t>((wanted + slices - 1) / slices, rows / 1024));
  int64_t range = (rows + ranges - 1) / ranges;
  if (lists) range = (range + TILE - 1) / TILE * TILE;
  const int64_t size = (int64_t)(slices * slice + 16) * padded;
  Buffer sums = buffer(size * offsets * ranges);

  std::vector<int64_t> pairs(offsets, rows);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int k = 0; k < offsets; k++)
    if (lists) {
      pairs[k] = 0;
      for (int64_t t = 0; t * TILE < rows; t++) pairs[k] += lists->pairs(t, k);
    } else if (table) {
      pairs[k] = rows - std::count(table + k * rows, table + (k + 1) * rows, -1);
    }
  std::vector<Item> items;
  for (int k = 0; k < offsets; k++)
    for (int part = 0; part < ranges; part++)
      for (int s = 0; s < slices; s++)
        items.push_back({k, s * slice, std::min(slice, inputs - s * slice), part * range,
                         std::min(rows, (part + 1) * range), pairs[k],
                         sums.get() + (part * offsets + k) * size + (int64_t)s * slice * padded});
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.pairs > b.pairs; });
  std::vector<std::vector<Item>> shares(threads);  // the longest item first, each to the thread with the least so far
  std::vector<int64_t> load(threads, 0);
  for (const Item& item : items) {
    int least = (int)(std::min_element(load.begin(), load.end()) - load.begin());
    load[least] += item.pairs;
    shares[least].push_back(item);
  }

  const int64_t pitch = slice + 16;  // not a power of two, whose rows would fall on the same lines of the cache
  int64_t step = std::max<int64_t>(1024, (1 << 18) / (inputs + outputs));  // rows that stay in the cache
  if (lists) step = std::max(1, (1 << 16) / (inputs + outputs) / TILE) * TILE;
#pragma omp parallel for schedule(static, 1) num_threads(threads)
  for (int thread = 0; thread < threads; thread++) {
    Buffer a = buffer(pitch * MAX_PAIRS), b = buffer(MAX_WIDTH * LANES * MAX_PAIRS);
    std::fill_n(a.get(), pitch * MAX_PAIRS, 0.f);
    std::vector<Waiting<T>> waiting(shares[thread].size());
    for (const Item& item : shares[thread]) std::fill_n(item.sums, item.channels * padded, 0.f);
    auto flush = [&](const Item& item, Waiting<T>& pairs) {
      const int words = BF16 ? (pairs.count + 1) / 2 : pairs.count;
      pack_rows<BF16>(pairs.in, pairs.count, item.channel, item.channels, (int)pitch, a.get());
      for (int j = 0; j < columns.blocks; j++)
        with_width(columns.width(j), [&](auto constant) {
          constexpr int WIDTH = decltype(constant)::value;
          pack_rows<BF16, WIDTH>(pairs.out, pairs.count, columns.begin(j), columns.count(j), WIDTH * LANES, b.get());
          add_outer_products<WIDTH, BF16>(a.get(), pitch, b.get(), item.sums + columns.begin(j), padded, item.channels,
                                          words);
        });
      pairs.count = 0;
    };
    for (int64_t first = 0; first < rows; first += step)
      for (size_t n = 0; n < shares[thread].size(); n++) {
        const Item& item = shares[thread][n];
        Waiting<T>& pairs = waiting[n];
        if (lists) {
          const int64_t end = std::min(first + step, item.end);
          for (int64_t from = std::max(first, item.begin); from < end; from += TILE) {
            const int64_t start = lists->starts[from / TILE * (offsets + 1) + item.offset];
            const int32_t* sources = lists->inputs + start;
            const uint16_t* places = lists->places + start;
            for (int64_t i = 0; i < lists->pairs(from / TILE, item.offset); i++) {
              pairs.in[pairs.count] = (const T*)features + (int64_t)sources[i] * inputs;
              pairs.out[pairs.count] = (const T*)gradient + (from + places[i]) * outputs;
              if (++pairs.count == MAX_PAIRS) flush(item, pairs);
            }
          }
          continue;
        }
        const int32_t* line = table ? table + item.offset * rows : nullptr;
        for (int64_t i = std::max(first, item.begin); i < std::min(first + step, item.end); i++) {
          const int64_t row = line ? line[i] : i;
          pairs.in[pairs.count] = (const T*)features + (row < 0 ? 0 : row) * inputs;
          pairs.out[pairs.count] = (const T*)gradient + i * outputs;
          pairs.count += row >= 0;
          if (pairs.count == MAX_PAIRS) flush(item, pairs);
        }
      }
    for (size_t n = 0; n < waiting.size(); n++)
      if (waiting[n].count) flush(shares[thread][n], waiting[n]);
  }
#pragma omp parallel for collapse(2) schedule(static) num_threads(threads)
  for (int k = 0; k < offsets; k++)
    for (int c = 0; c < inputs; c++) {
      const float* sum = sums.get() + k * size + (int64_t)c * padded;
      float* out = result + ((int64_t)(flipped ? offsets - 1 - k : k) * inputs + c) * outputs;
      for (int n = 0; n < outputs; n++) out[n] = sum[n];
      for (int part = 1; part < ranges; part++)
        for (int n = 0; n < outputs; n++) out[n] += sum[part * offsets * size + n];
    }
}
}  // namespace

extern "C" {
// Whether this build multiplies bfloat16 itself; otherwise the caller converts to float32.
int sparse_has_bf16() { return HAS_BF16; }

// features (N_in, C_in), weight (K, C_in, C_out) by its strides, table (K, N_out) or null for row i to row i,
// bias (C_out) float32 or null; result (N_out, C_out). bfloat16: C_in must be even. flipped: offset k uses weight K-1-k.
// mean, scale, shift (C_out) float32, residual (N_out, C_out), each or null, and relu: see Finish.
void sparse_convolve(int bf16, const void* features, const void* weight, const int32_t* table, void* result,
                     const float* bias, const float* mean, const float* scale, const float* shift,
                     const void* residual, int relu, int64_t rows, int offsets, int inputs, int outputs,
                     int64_t stride_k, int64_t stride_c, int64_t stride_n, int flipped, int threads) {
  const Finish finish{mean, scale, shift, residual, (bool)relu};
  if constexpr (HAS_BF16)
    if (bf16)
      return convolve<true>(features, weight, table, result, bias, finish, rows, offsets, inputs, outputs, stride_k,
                            stride_c, stride_n, flipped, threads);
  convolve<false>(features, weight, table, result, bias, finish, rows, offsets, inputs, outputs, stride_k, stride_c,
                  stride_n, flipped, threads);
}

// The same over the lists of a table, in float32.
void sparse_convolve_listed(const float* features, const float* weight, const int64_t* starts, const int32_t* inputs,
                            const uint16_t* places, float* result, const float* bias, const float* mean,
                            const float* scale, const float* shift, const void* residual, int relu, int64_t rows,
                            int offsets, int channels, int outputs, int64_t stride_k, int64_t stride_c,
                            int64_t stride_n, int flipped, int threads) {
  convolve_listed(features, weight, {starts, inputs, places, offsets}, result, bias,
                  {mean, scale, shift, residual, (bool)relu}, rows, channels, outputs, stride_k, stride_c, stride_n,
                  flipped, threads);
}

// result (K, C_in, C_out) float32 = for each offset the sum of features[i]^T gradient[o] over its pairs.
void sparse_weight_gradient(int bf16, const void* features, const void* gradient, const int32_t* table, float* result,
                            int64_t rows, int offsets, int inputs, int outputs, int flipped, int threads) {
  if constexpr (HAS_BF16)
    if (bf16) return outer_products<true>(features, gradient, table, nullptr, result, rows, offsets, inputs, outputs, flipped,
                                          threads);
  outer_products<false>(features, gradient, table, nullptr, result, rows, offsets, inputs, outputs, flipped, threads);
}

// The same over the lists of a table, in float32.
void sparse_weight_gradient_listed(const float* features, const float* gradient, const int64_t* starts,
                                   const int32_t* inputs, const uint16_t* places, float* result, int64_t rows,
                                   int offsets, int channels, int outputs, int flipped, int threads) {
  const Lists lists{starts, inputs, places, offsets};
  outer_products<false>(features, gradient, nullptr, &lists, result, rows, offsets, channels, outputs, flipped,
                        threads);
}
}
