#include "core/overrides/narrow_products.h"

#include <array>

#include "core/compute/parallel.h"
#include "core/compute/vector_instructions.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define CONTINUAL_AVX512 [[gnu::target("arch=x86-64-v4,prefer-vector-width=512")]]
/// What is indexed by a loop stays in registers only where no loop is left.
#define CONTINUAL_UNROLLED _Pragma("GCC unroll 16")
#endif

namespace continual {
namespace {

/// With more a kernel that copies first is quicker.
constexpr int64_t kMostRows = 16;
constexpr int64_t kLeastMultiplications = int64_t{1} << 14;
constexpr int64_t kMultiplicationsPerThread = int64_t{1} << 18;

#if defined(CONTINUAL_AVX512)

constexpr int64_t kLanes = 16;
/// Of a tile of the result, which is summed in registers: 20 of the 32, beside two of operands.
constexpr int64_t kTileRows = 10;
constexpr int64_t kTileVectors = 2;

struct Product {
  const float* left;
  int64_t left_row, left_column;  // strides
  const float* right;
  int64_t right_row;  // stride between neighbours in the dimension that is not contiguous
  const float* bias;  // or null
  float* result;      // contiguous
  int64_t rows, inner, columns;
};

__mmask16 lanes_of(int64_t count) {
  return count >= kLanes ? __mmask16{0xffff} : count <= 0 ? __mmask16{0} : static_cast<__mmask16>((1u << count) - 1);
}

/// GCC 12 takes its own `_mm512_reduce_add_ps` for the use of something uninitialised.
CONTINUAL_AVX512 inline float sum_of(__m512 lanes) {
  const __m256 eight =
      _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, lanes, 0), _mm512_maskz_extractf32x8_ps(0xff, lanes, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// `right` is contiguous along its columns: vectors of columns, each row of `right` added with its factor of `left`.
template <int64_t rows>
CONTINUAL_AVX512 void tile_along_columns(const Product& product, int64_t row, int64_t column) {
  __mmask16 mask[kTileVectors];
  __m512 sums[rows][kTileVectors];
  CONTINUAL_UNROLLED
  for (int64_t v = 0; v < kTileVectors; ++v) {
    mask[v] = lanes_of(product.columns - column - v * kLanes);
    __m512 bias = _mm512_setzero_ps();
    if (product.bias != nullptr) bias = _mm512_maskz_loadu_ps(mask[v], product.bias + column + v * kLanes);
    CONTINUAL_UNROLLED
    for (int64_t r = 0; r < rows; ++r) sums[r][v] = bias;
  }
  const float* left = product.left + row * product.left_row;
  const float* right = product.right + column;
  for (int64_t k = 0; k < product.inner; ++k, left += product.left_column, right += product.right_row) {
    __m512 of_right[kTileVectors];
    CONTINUAL_UNROLLED
    for (int64_t v = 0; v < kTileVectors; ++v) of_right[v] = _mm512_maskz_loadu_ps(mask[v], right + v * kLanes);
    CONTINUAL_UNROLLED
    for (int64_t r = 0; r < rows; ++r) {
      const __m512 factor = _mm512_set1_ps(left[r * product.left_row]);
      CONTINUAL_UNROLLED
      for (int64_t v = 0; v < kTileVectors; ++v) sums[r][v] = _mm512_fmadd_ps(factor, of_right[v], sums[r][v]);
    }
  }
  CONTINUAL_UNROLLED
  for (int64_t r = 0; r < rows; ++r) {
    float* result = product.result + (row + r) * product.columns + column;
    CONTINUAL_UNROLLED
    for (int64_t v = 0; v < kTileVectors; ++v) _mm512_mask_storeu_ps(result + v * kLanes, mask[v], sums[r][v]);
  }
}

/// Both matrices are contiguous along K: vectors of neighbours in it, summed up at the end.
template <int64_t rows>
CONTINUAL_AVX512 void tile_along_inner(const Product& product, int64_t row, int64_t column) {
  const float* right[kTileVectors];
  __m512 sums[rows][kTileVectors];
  CONTINUAL_UNROLLED
  for (int64_t c = 0; c < kTileVectors; ++c) {
    right[c] = product.right + std::min(column + c, product.columns - 1) * product.right_row;
    CONTINUAL_UNROLLED
    for (int64_t r = 0; r < rows; ++r) sums[r][c] = _mm512_setzero_ps();
  }
  const float* left = product.left + row * product.left_row;
  for (int64_t k = 0; k < product.inner; k += kLanes) {
    const __mmask16 mask = lanes_of(product.inner - k);
    __m512 of_right[kTileVectors];
    CONTINUAL_UNROLLED
    for (int64_t c = 0; c < kTileVectors; ++c) of_right[c] = _mm512_maskz_loadu_ps(mask, right[c] + k);
    CONTINUAL_UNROLLED
    for (int64_t r = 0; r < rows; ++r) {
      const __m512 of_left = _mm512_maskz_loadu_ps(mask, left + r * product.left_row + k);
      CONTINUAL_UNROLLED
      for (int64_t c = 0; c < kTileVectors; ++c) sums[r][c] = _mm512_fmadd_ps(of_left, of_right[c], sums[r][c]);
    }
  }
  CONTINUAL_UNROLLED
  for (int64_t r = 0; r < rows; ++r) {
    CONTINUAL_UNROLLED
    for (int64_t c = 0; c < kTileVectors; ++c) {
      if (column + c >= product.columns) continue;
      const float bias = product.bias == nullptr ? 0 : product.bias[column + c];
      product.result[(row + r) * product.columns + column + c] = sum_of(sums[r][c]) + bias;
    }
  }
}

using Tile = void (*)(const Product& product, int64_t row, int64_t column);

/// By the number of rows less one.
template <size_t... rows>
constexpr std::array<Tile, kTileRows> tiles_along_columns(std::index_sequence<rows...>) {
  return {&tile_along_columns<rows + 1>...};
}
template <size_t... rows>
constexpr std::array<Tile, kTileRows> tiles_along_inner(std::index_sequence<rows...>) {
  return {&tile_along_inner<rows + 1>...};
}

void compute(const Product& product, const std::array<Tile, kTileRows>& tiles, int64_t tile_columns) {
  const auto rounded_up = [](int64_t number, int64_t divisor) { return (number + divisor - 1) / divisor; };
  const int64_t across = rounded_up(product.columns, tile_columns), down = rounded_up(product.rows, kTileRows);
  const int64_t grain = kMultiplicationsPerThread / (kTileRows * tile_columns * product.inner) + 1;
  // The larger matrix is gone through once: the right one, or the result.
  const bool down_first = product.rows <= kMostRows;
  in_parallel(across * down, grain, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const int64_t row = (down_first ? tile % down : tile / across) * kTileRows;
      const int64_t column = (down_first ? tile / down : tile % across) * tile_columns;
      tiles[std::min(kTileRows, product.rows - row) - 1](product, row, column);
    }
  });
}

#endif

}  // namespace

#if defined(CONTINUAL_AVX512)

bool has_narrow_product() { return targets::has_avx512; }

bool is_narrow(const at::Tensor& left, const at::Tensor& right) {
  const int64_t rows = left.size(0), inner = left.size(1), columns = right.size(1);
  if (!has_narrow_product() || std::min(rows, inner) > kMostRows) return false;
  if (rows * inner * columns < kLeastMultiplications) return false;
  return (right.stride(1) == 1 && columns >= kLanes) || (right.stride(0) == 1 && left.stride(1) == 1);
}

at::Tensor narrow_product(const at::Tensor& left, const at::Tensor& right, const at::Tensor& bias) {
  const int64_t rows = left.size(0), inner = left.size(1), columns = right.size(1);
  at::Tensor result = at::empty({rows, columns}, left.options());
  const bool along_columns = right.stride(1) == 1 && columns >= kLanes;
  const Product product{.left = left.const_data_ptr<float>(),
                        .left_row = left.stride(0),
                        .left_column = left.stride(1),
                        .right = right.const_data_ptr<float>(),
                        .right_row = right.stride(along_columns ? 0 : 1),
                        .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
                        .result = result.mutable_data_ptr<float>(),
                        .rows = rows,
                        .inner = inner,
                        .columns = columns};
  static constexpr auto of_columns = tiles_along_columns(std::make_index_sequence<kTileRows>());
  static constexpr auto of_inner = tiles_along_inner(std::make_index_sequence<kTileRows>());
  if (along_columns) compute(product, of_columns, kTileVectors * kLanes);
  else compute(product, of_inner, kTileVectors);
  return result;
}

#else

bool has_narrow_product() { return false; }

bool is_narrow(const at::Tensor&, const at::Tensor&) { return false; }

at::Tensor narrow_product(const at::Tensor& left, const at::Tensor& right, const at::Tensor& bias) {
  return bias.defined() ? at::addmm(bias, left, right) : at::mm(left, right);
}

#endif

}  // namespace continual
