// Batch norm with the residual sum and the ReLU that follow it, forward and backward, each in one pass over the rows
// after one pass for the sums over them. Compiled by lib/sparse/paths/cpu. Sums are taken per block of rows, then over the
// blocks in their order, so they do not depend on the number of threads. The mean goes off before anything is
// multiplied: values far from 0 that differ little keep the digits in which they differ.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "micro_kernel.h"

namespace {
constexpr int64_t BLOCK = 128;  // rows

static inline float load(const float* p) { return *p; }
static inline float load(const uint16_t* p) { return from_bf16(*p); }
static inline void store(float* p, float value) { *p = value; }
static inline void store(uint16_t* p, float value) { *p = to_bf16(value); }

// A mean as a float and what that leaves of it.
struct Mean {
  std::vector<float> high, low;
  Mean(const double* mean, int channels) : high(channels), low(channels) {
    for (int c = 0; c < channels; c++) high[c] = (float)mean[c], low[c] = (float)(mean[c] - high[c]);
  }
};

// mean, as its distance from the block's first row, and sum of squared differences from it of each block, then of all
// (Chan et al., 1979)
template <class T>
void statistics(const T* x, int64_t rows, int channels, double* mean, double* variance, int threads) {
  const int64_t blocks = (rows + BLOCK - 1) / BLOCK;
  std::vector<float> parts(2 * blocks * channels, 0.f);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t b = 0; b < blocks; b++) {
    const int64_t first = b * BLOCK, count = std::min(rows - first, BLOCK);
    const T* start = x + first * channels;
    float *m = parts.data() + 2 * b * channels, *squares = m + channels;
    for (int64_t i = 1; i < count; i++)
      for (int c = 0; c < channels; c++) m[c] += load(start + i * channels + c) - load(start + c);
    for (int c = 0; c < channels; c++) m[c] /= count;
    for (int64_t i = 0; i < count; i++)
      for (int c = 0; c < channels; c++) {
        float d = load(start + i * channels + c) - load(start + c) - m[c];
        squares[c] += d * d;
      }
  }
  std::fill_n(mean, channels, 0.), std::fill_n(variance, channels, 0.);
  for (int64_t b = 0; b < blocks; b++) {
    const double before = b * BLOCK, count = std::min(rows - b * BLOCK, BLOCK), share = count / (before + count);
    const float* part = parts.data() + 2 * b * channels;
    for (int c = 0; c < channels; c++) {
      double d = (double)load(x + b * BLOCK * channels + c) + part[c] - mean[c];
      mean[c] += d * share;
      variance[c] += part[channels + c] + d * d * before * share;
    }
  }
  for (int c = 0; c < channels; c++) variance[c] /= rows;
}

template <class T, bool RELU, bool RESIDUAL>
void forward(const T* x, const T* residual, const double* mean, const double* inverse_std, const float* weight,
             const float* bias, T* out, int64_t rows, int channels, int threads) {
  const Mean m(mean, channels);
  std::vector<float> scale(channels), shift(channels);
  for (int c = 0; c < channels; c++) scale[c] = weight[c] * inverse_std[c], shift[c] = bias[c] - m.low[c] * scale[c];
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < rows; i++) {
    const T *row = x + i * channels, *other = residual + (RESIDUAL ? i * channels : 0);
    T* to = out + i * channels;
    for (int c = 0; c < channels; c++) {
      float y = (load(row + c) - m.high[c]) * scale[c] + shift[c];
      if (RESIDUAL) y += load(other + c);
      store(to + c, RELU ? (y > 0.f ? y : (y == y ? 0.f : y)) : y);
    }
  }
}

template <class T, bool RELU>
void backward(const T* x, const T* out, const T* grad, int64_t pitch, const double* mean, const double* inverse_std,
              const float* weight, bool training, T* grad_x, T* grad_residual, float* grad_weight, float* grad_bias,
              int64_t rows, int channels, int threads) {
  const Mean m(mean, channels);
  const int64_t blocks = (rows + BLOCK - 1) / BLOCK;
  std::vector<float> parts(2 * blocks * channels, 0.f);
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t b = 0; b < blocks; b++) {
    float *sum = parts.data() + 2 * b * channels, *products = sum + channels;
    for (int64_t i = b * BLOCK; i < std::min(rows, (b + 1) * BLOCK); i++)
      for (int c = 0; c < channels; c++) {
        float g = load(grad + i * pitch + c);
        if (RELU) g = load(out + i * channels + c) > 0.f ? g : 0.f;
        sum[c] += g;
        products[c] += g * (load(x + i * channels + c) - m.high[c]);
      }
  }
  std::vector<double> sum(channels, 0.), products(channels, 0.);
  for (int64_t b = 0; b < blocks; b++)
    for (int c = 0; c < channels; c++) {
      sum[c] += parts[2 * b * channels + c];
      products[c] += parts[(2 * b + 1) * channels + c];
    }
  // grad_x = scale * g + slope * (x - mean) + constant
  std::vector<float> scale(channels), slope(channels, 0.f), constant(channels, 0.f);
  for (int c = 0; c < channels; c++) {
    products[c] -= sum[c] * m.low[c];
    grad_bias[c] = sum[c];
    grad_weight[c] = products[c] * inverse_std[c];
    scale[c] = weight[c] * inverse_std[c];
    if (training) {
      slope[c] = -scale[c] * products[c] * inverse_std[c] * inverse_std[c] / rows;
      constant[c] = -scale[c] * sum[c] / rows - slope[c] * m.low[c];
    }
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < rows; i++) {
    const int64_t at = i * channels;
    for (int c = 0; c < channels; c++) {
      float g = load(grad + i * pitch + c);
      if (RELU) g = load(out + at + c) > 0.f ? g : 0.f;
      store(grad_x + at + c, scale[c] * g + slope[c] * (load(x + at + c) - m.high[c]) + constant[c]);
    }
    if (grad_residual)
      for (int c = 0; c < channels; c++)
        grad_residual[at + c] = !RELU || load(out + at + c) > 0.f ? grad[i * pitch + c] : T(0);
  }
}

template <class F>
void with_type(int bf16, F f) {
  if (bf16) f(uint16_t());
  else f(float());
}
}  // namespace

extern "C" {
// mean and biased variance (C) float64 of the columns of x (N, C).
void sparse_statistics(int bf16, const void* x, int64_t rows, int channels, double* mean, double* variance,
                       int threads) {
  with_type(bf16, [&](auto t) { statistics((const decltype(t)*)x, rows, channels, mean, variance, threads); });
}

// out = (x - mean) * inverse_std * weight + bias (+ residual), negative values to 0 where relu.
void sparse_normalize(int bf16, const void* x, const void* residual, const double* mean, const double* inverse_std,
                      const float* weight, const float* bias, void* out, int relu, int64_t rows, int channels,
                      int threads) {
  with_type(bf16, [&](auto t) {
    typedef decltype(t) T;
    auto run = residual ? (relu ? forward<T, true, true> : forward<T, false, true>)
                        : (relu ? forward<T, true, false> : forward<T, false, false>);
    run((const T*)x, (const T*)residual, mean, inverse_std, weight, bias, (T*)out, rows, channels, threads);
  });
}

// Gradients of sparse_normalize by its result's; the rows of `grad` are `pitch` apart; out is null without a ReLU,
// grad_residual where nobody wants it. training: mean and variance were those of x itself.
void sparse_normalize_backward(int bf16, const void* x, const void* out, const void* grad, int64_t pitch,
                               const double* mean, const double* inverse_std, const float* weight, int training,
                               void* grad_x, void* grad_residual, float* grad_weight, float* grad_bias, int64_t rows,
                               int channels, int threads) {
  with_type(bf16, [&](auto t) {
    typedef decltype(t) T;
    auto run = out ? backward<T, true> : backward<T, false>;
    run((const T*)x, (const T*)out, (const T*)grad, pitch, mean, inverse_std, weight, training, (T*)grad_x,
        (T*)grad_residual, grad_weight, grad_bias, rows, channels, threads);
  });
}
}
