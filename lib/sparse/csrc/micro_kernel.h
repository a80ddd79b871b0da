// The one inner loop of all CPU kernels: a few rows times a few vectors of columns, sums kept in registers.
// Written with compiler vector types, so that AVX-512, AVX2, NEON and plain machines compile the same source.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

// Width in bytes and number of vector registers of the machine compiled for.
#if defined(__AVX512F__)
constexpr int VECTOR = 64, REGISTERS = 32;
#elif defined(__AVX__)
constexpr int VECTOR = 32, REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int VECTOR = 16, REGISTERS = 32;
#else
constexpr int VECTOR = 16, REGISTERS = 16;
#endif
constexpr int LANES = VECTOR / 4;

// Whether the kernels go through pairs by tile and offset (lists.h); measured for AVX2 only.
constexpr bool HAS_LISTS = VECTOR == 32;

typedef float vec __attribute__((vector_size(VECTOR)));
typedef float loose_vec __attribute__((vector_size(VECTOR), aligned(4), may_alias));  // the same at any address

// A word is what one lane multiplies: one float32, or two neighbouring bfloat16 whose products are added together.
typedef float word __attribute__((aligned(2), may_alias));

#if defined(__AVX512BF16__)
constexpr bool HAS_BF16 = true;
#else
constexpr bool HAS_BF16 = false;
#endif

// Vectors side by side in one block of columns, and rows that then fill the registers with sums.
constexpr int MAX_WIDTH = REGISTERS == 32 ? 4 : 2;
constexpr int rows_for(int width) {
  return REGISTERS == 32 && width == 4 ? 6 : REGISTERS == 16 && width == 2 ? 6 : 8;
}

template <bool BF16>
static inline __attribute__((always_inline)) void multiply_add(vec& sum, word a, const vec& b) {
#if defined(__AVX512BF16__)
  if constexpr (BF16) {
    int32_t pair;
    std::memcpy(&pair, &a, 4);
    sum = (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)b);
    return;
  }
#endif
  sum += a * b;
}

// out[r][0 .. WIDTH*LANES) += sum over c < depth of a(r, c) * b[c * stride + ..], for r < ROWS.
template <int ROWS, int WIDTH, bool BF16, class A>
static __attribute__((noinline)) void micro_kernel(A a, float* const* out, const float* b, int64_t stride, int depth) {
  vec sum[ROWS][WIDTH];
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int v = 0; v < WIDTH; v++) sum[r][v] = *(const loose_vec*)(out[r] + v * LANES);
  for (int c = 0; c < depth; c++) {
    vec column[WIDTH];
#pragma GCC unroll 4
    for (int v = 0; v < WIDTH; v++) column[v] = *(const loose_vec*)(b + c * stride + v * LANES);
#pragma GCC unroll 16
    for (int r = 0; r < ROWS; r++) {
      word x = a(r, c);
#pragma GCC unroll 4
      for (int v = 0; v < WIDTH; v++) multiply_add<BF16>(sum[r][v], x, column[v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int v = 0; v < WIDTH; v++) *(loose_vec*)(out[r] + v * LANES) = sum[r][v];
}

// Columns are cut into blocks of at most `most` vectors, as even as can be (96 -> 3 + 3 vectors of 16).
struct Columns {
  int columns, vectors, blocks;
  explicit Columns(int columns, int most = MAX_WIDTH)
      : columns(columns), vectors((columns + LANES - 1) / LANES), blocks((vectors + most - 1) / most) {}
  int first(int block) const {  // in vectors
    int base = vectors / blocks, more = vectors % blocks;
    return block * base + (block < more ? block : more);
  }
  int width(int block) const { return first(block + 1) - first(block); }
  int begin(int block) const { return first(block) * LANES; }
  int count(int block) const {  // columns that exist; the rest of the block is padding
    int end = begin(block) + width(block) * LANES;
    return (end < columns ? end : columns) - begin(block);
  }
};

// Calls f(std::integral_constant<int, width>) for a width known only at run time.
template <class F>
static inline void with_width(int width, F f) {
  switch (width) {
    case 1: f(std::integral_constant<int, 1>()); break;
    case 2: f(std::integral_constant<int, 2>()); break;
    case 3: if constexpr (MAX_WIDTH > 2) f(std::integral_constant<int, 3>()); break;
    default: if constexpr (MAX_WIDTH > 2) f(std::integral_constant<int, 4>()); break;
  }
}

static inline uint16_t to_bf16(float value) {  // to nearest, ties to even
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
}
static inline float from_bf16(uint16_t value) {
  uint32_t bits = (uint32_t)value << 16;
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

// What is done to an output's sum before it is written: batch norm by known statistics, a residual, a ReLU, each if
// there. mean, scale and shift have a number a channel, residual (N, channels) the type of the result.
struct Finish {
  const float *mean, *scale, *shift;
  const void* residual;
  bool relu;

  // `count` sums of a row from channel `first` on; `at`: the row's first value in the residual.
  template <class T>
  void apply(float* sums, int first, int count, int64_t at) const {
    if (scale)
      for (int c = 0; c < count; c++)
        sums[c] = (sums[c] - mean[first + c]) * scale[first + c] + shift[first + c];
    if (residual) {
      const T* other = (const T*)residual + at + first;
      for (int c = 0; c < count; c++)
        if constexpr (sizeof(T) == 4) sums[c] += other[c];
        else sums[c] += from_bf16(other[c]);
    }
    if (relu)
      for (int c = 0; c < count; c++) sums[c] = sums[c] > 0.f ? sums[c] : (sums[c] == sums[c] ? 0.f : sums[c]);
  }
};
