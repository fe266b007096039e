// Products of matrices in tiles, whose sums stay in registers. Each sum goes along the depth in order, so that results
// do not depend on how work is cut.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "vector.h"

namespace {

// Rows and vectors of a tile: of registers there are 32 with AVX-512 and on Arm, else 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int TALL = 6, BROAD = 4;
#elif defined(__AVX__)
constexpr int TALL = 6, BROAD = 2;
#else
constexpr int TALL = 4, BROAD = 2;
#endif
constexpr int64_t PANEL = BROAD * W;  // columns

// Value (i, p) is data[i row + p step]: a matrix, or a transposed one.
struct Left {
  const float* data;
  int64_t row, step;
};

// Nothing is asked for before it is needed: all of it is in the cache.
struct AtHand {
  void begin(const Left&, int) {}
  template <int M, int N>
  void step(int64_t) {}
  template <int M, int N>
  void sums(const float*, int64_t, bool) {}
};

// Asks for the places of a tile's sums.
template <int M, int N>
inline void ask_for_sums(const float* c, int64_t c_row) {
#pragma GCC unroll 8
  for (int i = 0; i < M; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) __builtin_prefetch(c + i * c_row + j * W, 1);
  }
}

// What it reads is in the cache, and the places of its sums are asked for.
struct Places {
  void begin(const Left&, int) {}
  template <int M, int N>
  void step(int64_t) {}
  template <int M, int N>
  void sums(const float* c, int64_t c_row, bool) {
    ask_for_sums<M, N>(c, c_row);
  }
};

constexpr int STEP = 16;  // values of a line of the cache
// Steps before its end at which a tile asks for the places of its sums. What is asked for earlier has left the first
// level when it is needed: the tile's panel passes through it.
constexpr int LATE = 4;

// c [M, N W] = a b over `depth`, plus c itself if `more`; of the last vector of each row `last` values are written.
// `soon` asks for what comes next.
template <int M, int N, typename Soon>
void tile(int64_t depth, Left a, const float* b, int64_t b_row, float* c, int64_t c_row, int last, bool more,
          Soon& soon) {
  V sums[M][N] = {};
  if (more) {
#pragma GCC unroll 8
    for (int i = 0; i < M; i++) {
#pragma GCC unroll 4
      for (int j = 0; j < N; j++)
        sums[i][j] = j == N - 1 && last < W ? load(c + i * c_row + j * W, last) : load(c + i * c_row + j * W);
    }
  }
  soon.begin(a, M);
  const int64_t late = std::max<int64_t>(0, (depth + STEP - 1) / STEP - LATE) * STEP;
  for (int64_t from = 0; from < depth; from += STEP) {
    const int64_t to = std::min<int64_t>(STEP, depth - from);
    soon.template step<M, N>(from);
    if (from == late) soon.template sums<M, N>(c, c_row, more);
    for (int64_t p = 0; p < to; p++) {
      V right[N];
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) right[j] = load(b + j * W);
#pragma GCC unroll 8
      for (int i = 0; i < M; i++) {
        const float left = a.data[i * a.row];
#pragma GCC unroll 4
        for (int j = 0; j < N; j++) sums[i][j] += left * right[j];
      }
      a.data += a.step;
      b += b_row;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < M; i++) {
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) {
      if (j == N - 1 && last < W) store(c + i * c_row + j * W, sums[i][j], last);
      else store(c + i * c_row + j * W, sums[i][j]);
    }
  }
}

template <typename Soon>
using Tile = void (*)(int64_t, Left, const float*, int64_t, float*, int64_t, int, bool, Soon&);

template <typename Soon, int... I>
constexpr std::array<Tile<Soon>, sizeof...(I)> tiles(std::integer_sequence<int, I...>) {
  return {tile<I / BROAD + 1, I % BROAD + 1, Soon>...};
}

template <typename Soon>
constexpr auto TILES = tiles<Soon>(std::make_integer_sequence<int, TALL * BROAD>{});

// The tile of at most TALL rows and PANEL columns.
template <typename Soon>
void multiply_tile(int64_t rows, int64_t columns, int64_t depth, Left a, const float* b, int64_t b_row, float* c,
                   int64_t c_row, bool more, Soon& soon) {
  const int64_t vectors = (columns + W - 1) / W;
  TILES<Soon>[(rows - 1) * BROAD + vectors - 1](depth, a, b, b_row, c, c_row,
                                                static_cast<int>(columns - (vectors - 1) * W), more, soon);
}

// c [rows, columns] = a b, which are in the cache; b's rows are filled up to whole vectors.
template <typename Soon = AtHand>
void multiply(int64_t rows, int64_t columns, int64_t depth, Left a, const float* b, int64_t b_row, float* c,
              int64_t c_row, Soon soon = {}) {
  for (int64_t j = 0; j < columns; j += PANEL) {
    for (int64_t i = 0; i < rows; i += TALL) {
      const Left here = {a.data + i * a.row, a.row, a.step};
      multiply_tile(std::min<int64_t>(TALL, rows - i), std::min(PANEL, columns - j), depth, here, b + j, b_row,
                    c + i * c_row + j, c_row, false, soon);
    }
  }
}

}  // namespace
