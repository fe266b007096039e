// Products of rows with a matrix, and what follows them while their values are in the cache.
#pragma once
#include <algorithm>

#include "call.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace {

constexpr int64_t DEPTH = 1024;  // of a panel that is kept in the second level of the cache, 256 kB with AVX-512
constexpr int64_t CHUNK = 96;    // rows of a part, at least: a panel is copied for each part
constexpr int64_t AHEAD = 16;    // rows of a panel that are asked for before they are copied

// A matrix, or a panel of it: value (p, c) is data[p row + c].
struct Right {
  const float* data;
  int64_t row;
};

// [depth, columns] as rows of whole vectors, one after the other.
void pack(const Right& b, int64_t depth, int64_t columns, int64_t width, float* to) {
  for (int64_t p = 0; p < depth; p++) {
    const float* from = b.data + p * b.row;
    along(columns, [&](int64_t c, int n) {
      store(to + p * width + c, LOAD(from + c));
      __builtin_prefetch(from + AHEAD * b.row + c);
    });
  }
}

// During a tile: asks for the rows of the next tile, for the places of its sums, and row by row for the next panel.
class Soon {
 public:
  void begin(const Left& a, int tall) {
    next = a.data + tall * a.row;
    row = a.row;
  }

  // The next tile's where its own were read already.
  template <int M, int N>
  void sums(const float* c, int64_t c_row, bool more) {
    ask_for_sums<M, N>(more ? c + M * c_row : c, c_row);
  }

  template <int M, int N>
  void step(int64_t from) {
#pragma GCC unroll 8
    for (int i = 0; i < M; i++) __builtin_prefetch(next + i * row + from, 0, 2);
    if (left == 0) return;
    left--;
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) __builtin_prefetch(panel.data + j * W, 0, 2);
    panel.data += panel.row;
  }

  // So many rows of a panel are asked for from now on.
  void ask(const Right& given, int64_t rows) {
    panel = given;
    left = rows;
  }

 private:
  const float* next = nullptr;
  Right panel = {nullptr, 0};
  int64_t row = 0, left = 0;
};

// Memory of multiply_panel.
inline int64_t panel_size(int64_t depth) { return std::min(depth, DEPTH) * PANEL; }

// c [rows, columns] = a b, of at most PANEL columns; then(row, rows) is called for each tile that is done. What is
// multiplied after that is asked for: `next`, of the same shape, unless its data is null.
template <typename F>
void multiply_panel(const float* a, int64_t rows, int64_t depth, const Right& b, int64_t columns, float* c,
                    int64_t c_row, const Right& next, float* panel, F then) {
  const int64_t width = (columns + W - 1) / W * W;
  Soon soon;
  int64_t done = 0;
  do {
    const int64_t now = std::min(DEPTH, depth - done);
    pack({b.data + done * b.row, b.row}, now, columns, width, panel);
    const bool last = done + now == depth;
    const Right after = last ? next : Right{b.data + (done + now) * b.row, b.row};
    const int64_t wanted = after.data == nullptr ? 0 : std::min(DEPTH, last ? depth : depth - done - now);
    // as late as it is there in time: what is asked for early is gone again
    const int64_t asks = std::max<int64_t>(1, (now + STEP - 1) / STEP), tiles = (wanted + asks - 1) / asks + 1;
    bool asked = wanted == 0;
    for (int64_t row = 0; row < rows; row += TALL) {
      if (!asked && rows - row <= tiles * TALL) {
        soon.ask(after, wanted);
        asked = true;
      }
      const int64_t tall = std::min<int64_t>(TALL, rows - row);
      multiply_tile(tall, columns, now, {a + row * depth + done, depth, 1}, panel, width, c + row * c_row, c_row,
                    done > 0, soon);
      if (last) then(row, tall);
    }
    done += now;
  } while (done < depth);
}

// In how many parts rows are cut where the work is in `others` parts already.
inline int64_t cuts_of(int64_t rows, int64_t others) {
  return std::max<int64_t>(1, std::min((4 * pool().size() + others - 1) / others, rows / CHUNK));
}

// c [rows, columns] = a b; then(row, column, rows, columns) is called for each tile that is done.
template <typename F>
void multiply_all(const float* a, int64_t rows, int64_t depth, const float* b, int64_t columns, float* c, F then) {
  const int64_t panels = (columns + PANEL - 1) / PANEL, cuts = cuts_of(rows, panels);
  const int64_t chunk = ((rows + cuts - 1) / cuts + TALL - 1) / TALL * TALL;
  pool().run(panels * cuts, [&](int64_t part) {
    const int64_t column = part % panels * PANEL, begin = part / panels * chunk,
                  here = std::min(PANEL, columns - column);
    if (begin >= rows) return;
    Scratch scratch(panel_size(depth));
    const Right panel = {b + column, columns},
                next = {column + 2 * PANEL <= columns ? panel.data + PANEL : nullptr, columns};
    multiply_panel(a + begin * depth, std::min(chunk, rows - begin), depth, panel, here, c + begin * columns + column,
                   columns, next, scratch.take(panel_size(depth)),
                   [&](int64_t row, int64_t tall) { then(begin + row, column, tall, here); });
  }, rows * depth * columns);
}

// W rows of a matrix, W columns of each, to W columns.
inline void turn_square(const float* from, int64_t row, float* to, int64_t width) {
#if defined(GOWIDE_SHUFFLES)
  V rows[W];
#pragma GCC unroll 16
  for (int i = 0; i < W; i++) {
    rows[i] = load(from + i * row);
    __builtin_prefetch(from + (i + W) * row);  // of the next columns
  }
  turn<W / 2>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < W; i++) store(to + i * width, rows[i]);
#else
  for (int c = 0; c < W; c++)
    for (int r = 0; r < W; r++) to[c * width + r] = from[r * row + c];
#endif
}

// `columns` rows [.., depth] as columns of a panel, whose rows are filled up with 0.
void pack_turned(const float* from, int64_t row, int64_t depth, int64_t columns, int64_t width, float* to) {
  for (int64_t c = 0; c < width; c += W) {
    const int64_t here = std::clamp<int64_t>(columns - c, 0, W), whole = here == W ? depth / W * W : 0;
    for (int64_t p = 0; p < whole; p += W) turn_square(from + c * row + p, row, to + p * width + c, width);
    for (int64_t p = whole; p < depth; p++) {
      float* const line = to + p * width + c;
      for (int64_t i = 0; i < here; i++) line[i] = from[(c + i) * row + p];
      std::fill(line + here, line + W, 0.0f);
    }
  }
}

// During a tile of a transposed matrix: asks for its rows a line ahead, and for the places of its sums. They lie as far
// apart as the matrix is wide, so that few of them stay in the first level from one tile to the next.
struct Ahead {
  void begin(const Left& a, int) {
    rows = a.data + STEP * a.step;
    step_size = a.step;
  }

  template <int M, int N>
  void sums(const float* c, int64_t c_row, bool) {
    ask_for_sums<M, N>(c, c_row);
  }

  template <int M, int N>
  void step(int64_t from) {
#pragma GCC unroll 16
    for (int p = 0; p < STEP; p++) __builtin_prefetch(rows + (from + p) * step_size);
  }

  const float* rows = nullptr;
  int64_t step_size = 0;
};

constexpr int64_t CACHED = 8192;  // values of both matrices up to which they are in the first level anyway

// a b, of two matrices; the first number has the first of them transposed, the second number the second.
void product(Call& call, const Attributes& attributes) {
  View a = call.input(0), b = call.input(1);
  const bool first = attributes.first != 0, second = attributes.second != 0;
  call.require(a.dims.size() == 2 && b.dims.size() == 2, "product: two matrices are expected");
  if (!call.ok()) return;
  const int64_t rows = a.dims[first], depth = a.dims[!first], columns = b.dims[!second];
  call.require(b.dims[second] == depth, "product: shapes differ");
  View y = call.output(0, {rows, columns});
  if (!call.ok() || y.size == 0) return;
  const int64_t panels = (columns + PANEL - 1) / PANEL, cuts = pool().size() == 1 ? 1 : cuts_of(rows, panels);
  const int64_t chunk = ((rows + cuts - 1) / cuts + TALL - 1) / TALL * TALL;
  const Left left = first ? Left{a.data, 1, rows} : Left{a.data, depth, 1};
  const bool cached = a.size + b.size <= CACHED;
  pool().run(panels * cuts, [&](int64_t part) {
    const int64_t column = part % panels * PANEL, begin = part / panels * chunk,
                  end = std::min(rows, begin + chunk);
    if (begin >= end) return;
    const int64_t here = std::min(PANEL, columns - column), width = (here + W - 1) / W * W;
    Scratch scratch(depth * width);
    float* const panel = scratch.take(depth * width);
    if (second) pack_turned(b.data + column * depth, depth, depth, here, width, panel);
    else pack({b.data + column, columns}, depth, here, width, panel);
    const auto multiply_rows = [&](auto soon) {
      for (int64_t row = begin; row < end; row += TALL) {
        const Left from = {left.data + row * left.row, left.row, left.step};
        multiply_tile(std::min<int64_t>(TALL, end - row), here, depth, from, panel, width,
                      y.data + row * columns + column, columns, false, soon);
      }
    };
    if (cached) multiply_rows(AtHand());
    else if (first) multiply_rows(Ahead());
    else multiply_rows(Soon());
  }, rows * depth * columns);
}

}  // namespace
