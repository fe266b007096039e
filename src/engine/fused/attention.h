// Attention of every head by itself: its scores, weights and slopes stay in the cache of the core that computes them.
#pragma once
#include <algorithm>
#include <array>
#include <utility>

#include "call.h"
#include "threads.h"

namespace {

// ---- products of small matrices ----

// Rows and vectors of a tile, whose sums stay in registers, of which there are 32 with AVX-512 and on Arm, else 16.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int TALL = 6, BROAD = 4;
#elif defined(__AVX__)
constexpr int TALL = 6, BROAD = 2;
#else
constexpr int TALL = 4, BROAD = 2;
#endif

// Value (i, p) is data[i row + p step]: a matrix, or a transposed one.
struct Left {
  const float* data;
  int64_t row, step;
};

// c [M, N W] = a b over `depth`; of the last vector of each row `last` values are written.
template <int M, int N>
void tile(int64_t depth, Left a, const float* b, int64_t b_row, float* c, int64_t c_row, int last) {
  V sums[M][N] = {};
  for (int64_t p = 0; p < depth; p++) {
    V right[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; j++) right[j] = load(b + p * b_row + j * W);
#pragma GCC unroll 8
    for (int i = 0; i < M; i++) {
      const float left = a.data[i * a.row + p * a.step];
#pragma GCC unroll 4
      for (int j = 0; j < N; j++) sums[i][j] += left * right[j];
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

using Tile = void (*)(int64_t, Left, const float*, int64_t, float*, int64_t, int);

template <int... I>
constexpr std::array<Tile, sizeof...(I)> tiles(std::integer_sequence<int, I...>) {
  return {tile<I / BROAD + 1, I % BROAD + 1>...};
}

constexpr auto TILES = tiles(std::make_integer_sequence<int, TALL * BROAD>{});

// c [rows, columns] = a b; b's rows are filled up to whole vectors.
void multiply(int64_t rows, int64_t columns, int64_t depth, Left a, const float* b, int64_t b_row, float* c, int64_t c_row) {
  for (int64_t j = 0; j < columns; j += BROAD * W) {
    const int64_t here = std::min<int64_t>(BROAD * W, columns - j), vectors = (here + W - 1) / W;
    for (int64_t i = 0; i < rows; i += TALL) {
      const int64_t tall = std::min<int64_t>(TALL, rows - i);
      TILES[(tall - 1) * BROAD + vectors - 1](depth, {a.data + i * a.row, a.row, a.step}, b + j, b_row, c + i * c_row + j, c_row, static_cast<int>(here - (vectors - 1) * W));
    }
  }
}

// ---- memory of a thread ----

// Length of rows of whole vectors: an odd number of them, or else rows would share the same few places of the cache.
inline int64_t stride_of(int64_t n) { return ((n + W - 1) / W | 1) * W; }

constexpr int64_t LINE = 16;  // of the cache

// Pieces of whole vectors, for the work on one head; they live until the thread's next one.
class Scratch {
 public:
  explicit Scratch(int64_t values) {
    thread_local std::vector<float> memory;
    if (static_cast<int64_t>(memory.size()) < values + LINE) memory.resize(static_cast<size_t>(values + LINE));
    const auto address = reinterpret_cast<uintptr_t>(memory.data()) / sizeof(float);
    next = memory.data() + (LINE - address % LINE) % LINE;
  }
  float* take(int64_t values) {
    float* piece = next;
    next += values;
    return piece;
  }

 private:
  float* next;
};

// ---- heads ----

// Where one head stands in rows [B T, N d].
struct Shape {
  int64_t batch, heads, tokens, size, columns;
  int64_t token_stride, size_stride;
  float scale;
  int64_t start(int64_t head) const { return head / heads * tokens * columns + head % heads * size; }
};

Shape shape_of(Call& call, const View& q, const Attributes& attributes) {
  const int64_t heads = static_cast<int64_t>(attributes.first), tokens = static_cast<int64_t>(attributes.second);
  const int64_t columns = q.columns(), rows = q.rows();
  call.require(heads > 0 && tokens > 0 && columns % heads == 0 && rows % tokens == 0, "attention: the rows cannot be divided among heads and sequences");
  if (!call.ok()) return {};
  const int64_t size = columns / heads;
  return {rows / tokens, heads, tokens, size, columns, stride_of(tokens), stride_of(size), 1 / std::sqrt(static_cast<float>(size))};
}

// Rows of a head plus its bias, which may be null: [T, d], filled up with 0.
void gather(const Shape& s, const float* rows, const float* bias, float* to) {
  for (int64_t t = 0; t < s.tokens; t++) {
    along(s.size, [&](int64_t c, int n) {
      V v = LOAD(rows + t * s.columns + c);
      if (bias != nullptr) v += LOAD(bias + c);
      store(to + t * s.size_stride + c, v);
    });
  }
}

// The same on its side: [d, T], filled up with 0.
void gather_across(const Shape& s, const float* rows, const float* bias, float* to) {
  for (int64_t c = 0; c < s.size; c++) std::fill(to + c * s.token_stride + s.tokens, to + (c + 1) * s.token_stride, 0.0f);
  for (int64_t first = 0; first < s.tokens; first += W) {
    const int64_t end = std::min<int64_t>(s.tokens, first + W);
    for (int64_t c = 0; c < s.size; c++) {
      const float shift = bias == nullptr ? 0 : bias[c];
      for (int64_t t = first; t < end; t++) to[c * s.token_stride + t] = rows[t * s.columns + c] + shift;
    }
  }
}

// Softmax of scale x + shift in place; shift may be null.
void softmax(float* x, int64_t columns, float scale, const float* shift) {
  V high = splat(-INFINITY);
  along(columns, [&](int64_t c, int n) {
    V v = LOAD(x + c) * scale;
    if (shift != nullptr) v += LOAD(shift + c);
    STORE(x + c, v);
    if (n < W)
      for (int w = n; w < W; w++) v[w] = -INFINITY;
    high = v > high ? v : high;
  });
  float most = -INFINITY;
  for (int w = 0; w < W; w++) most = std::max(most, high[w]);
  V total = {};
  along(columns, [&](int64_t c, int n) {
    V v = exp_negative(LOAD(x + c) - most);
    STORE(x + c, v);
    if (n < W)
      for (int w = n; w < W; w++) v[w] = 0;
    total += v;
  });
  const float factor = 1 / sum(total);
  along(columns, [&](int64_t c, int n) { STORE(x + c, LOAD(x + c) * factor); });
}

constexpr int64_t ROWS = 4 * TALL;  // of scores that are computed before their values are added up

// softmax(q k^T / sqrt(d) + mask) v of each head, with q, k, v [B T, N d] after their biases [N d]; mask, unless it is empty, has as many axes as the scores
// [B, N, T, T], each of the same length or 1, the last whole. The weights are multiplied by `kept`, unless it is empty. y, and if asked for the weights before that.
void attention(Call& call, const Attributes& attributes) {
  View q = call.input(0), k = call.input(1), v = call.input(2), q_bias = call.input(3), k_bias = call.input(4), v_bias = call.input(5);
  View mask = call.input(6), kept = call.input(7);
  const Shape s = shape_of(call, q, attributes);
  const std::vector<int64_t> square = {s.batch, s.heads, s.tokens, s.tokens};
  const int64_t squares = s.batch * s.heads * s.tokens * s.tokens;
  call.require(k.size == q.size && v.size == q.size, "attention: shapes differ");
  call.require(q_bias.size == s.columns && k_bias.size == s.columns && v_bias.size == s.columns, "attention: one bias for each column is expected");
  call.require(kept.size == 0 || kept.size == squares, "attention: one factor for each weight is expected");
  int64_t steps[3] = {0, 0, 0};
  if (call.ok() && mask.size > 0) {
    call.require(mask.dims.size() == 4 && mask.dims[3] == s.tokens, "attention: the mask has other axes");
    int64_t step = s.tokens;
    for (int axis = 2; axis >= 0 && call.ok(); axis--) {
      call.require(mask.dims[axis] == 1 || mask.dims[axis] == square[axis], "attention: the mask has other axes");
      steps[axis] = mask.dims[axis] == 1 ? 0 : step;
      step *= mask.dims[axis];
    }
  }
  const bool keep = attributes.third != 0;
  View y = call.output(0, q.dims), weights = call.output(1, keep ? square : std::vector<int64_t>{0});
  if (!call.ok()) return;
  pool().run(s.batch * s.heads, [&](int64_t head) {
    Scratch scratch(s.tokens * s.size_stride * 2 + s.size_stride * s.token_stride + 2 * ROWS * s.token_stride);
    float *mine = scratch.take(s.tokens * s.size_stride), *values = scratch.take(s.tokens * s.size_stride), *keys = scratch.take(s.size_stride * s.token_stride);
    float *scores = scratch.take(ROWS * s.token_stride), *used = scratch.take(ROWS * s.token_stride);
    const int64_t start = s.start(head), sequence = head / s.heads, column = head % s.heads * s.size;
    gather(s, q.data + start, q_bias.data + column, mine);
    gather_across(s, k.data + start, k_bias.data + column, keys);
    gather(s, v.data + start, v_bias.data + column, values);
    for (int64_t row = 0; row < s.tokens; row += ROWS) {
      const int64_t count = std::min(ROWS, s.tokens - row), at = (head * s.tokens + row) * s.tokens;
      float* mixed = keep ? weights.data + at : scores;
      const int64_t stride = keep ? s.tokens : s.token_stride;
      multiply(count, s.tokens, s.size, {mine + row * s.size_stride, s.size_stride, 1}, keys, s.token_stride, mixed, stride);
      for (int64_t i = 0; i < count; i++)
        softmax(mixed + i * stride, s.tokens, s.scale, mask.size > 0 ? mask.data + sequence * steps[0] + head % s.heads * steps[1] + (row + i) * steps[2] : nullptr);
      Left left = {mixed, stride, 1};
      if (kept.size > 0) {
        for (int64_t i = 0; i < count; i++)
          along(s.tokens, [&](int64_t c, int n) { STORE(used + i * s.token_stride + c, LOAD(mixed + i * stride + c) * LOAD(kept.data + at + i * s.tokens + c)); });
        left = {used, s.token_stride, 1};
      }
      multiply(count, s.size, s.tokens, left, values, s.size_stride, y.data + start + row * s.columns, s.columns);
    }
  });
}

// By q, k and v (and their biases: the column sums): with g = dy v^T kept by the weights p, ds = p (g - sum(p g)) / sqrt(d); ds k, ds^T q and (p kept)^T dy.
void attention_gradient(Call& call, const Attributes& attributes) {
  View dy = call.input(0), q = call.input(1), k = call.input(2), v = call.input(3), q_bias = call.input(4), k_bias = call.input(5), v_bias = call.input(6);
  View weights = call.input(7), kept = call.input(8);
  const Shape s = shape_of(call, q, attributes);
  call.require(k.size == q.size && v.size == q.size && dy.size == q.size, "attention: shapes differ");
  call.require(q_bias.size == s.columns && k_bias.size == s.columns && v_bias.size == s.columns, "attention: one bias for each column is expected");
  call.require(weights.size == s.batch * s.heads * s.tokens * s.tokens && (kept.size == 0 || kept.size == weights.size), "attention: shapes differ");
  View slopes[3], sums[3];
  for (int i = 0; i < 3; i++) slopes[i] = call.output(i, q.dims);
  for (int i = 0; i < 3; i++) sums[i] = call.output(3 + i, {s.columns});
  if (!call.ok()) return;
  std::vector<float> partial(static_cast<size_t>(3 * s.batch * s.columns));
  pool().run(s.batch * s.heads, [&](int64_t head) {
    const int64_t rows = s.tokens * s.size_stride, square = s.tokens * s.token_stride;
    Scratch scratch(3 * rows + s.size_stride * s.token_stride + 2 * square);
    float *queries = scratch.take(rows), *keys = scratch.take(rows), *given = scratch.take(rows), *values = scratch.take(s.size_stride * s.token_stride);
    float *scores = scratch.take(square), *used = scratch.take(square);
    const int64_t start = s.start(head), column = head % s.heads * s.size;
    gather(s, q.data + start, q_bias.data + column, queries);
    gather(s, k.data + start, k_bias.data + column, keys);
    gather(s, dy.data + start, nullptr, given);
    gather_across(s, v.data + start, v_bias.data + column, values);
    multiply(s.tokens, s.tokens, s.size, {given, s.size_stride, 1}, values, s.token_stride, scores, s.token_stride);
    const float* shares = weights.data + head * s.tokens * s.tokens;
    for (int64_t row = 0; row < s.tokens; row++) {
      float* slope = scores + row * s.token_stride;
      const float* share = shares + row * s.tokens;
      const float* factor = kept.size > 0 ? kept.data + (head * s.tokens + row) * s.tokens : nullptr;
      V total = {};
      along(s.tokens, [&](int64_t c, int n) {
        V p = LOAD(share + c), g = LOAD(slope + c), mixed = p;
        if (factor != nullptr) {
          g *= LOAD(factor + c);
          mixed *= LOAD(factor + c);
          STORE(slope + c, g);
        }
        STORE(used + row * s.token_stride + c, mixed);
        total += p * g;
      });
      const float aligned = sum(total);
      along(s.tokens, [&](int64_t c, int n) { STORE(slope + c, s.scale * LOAD(share + c) * (LOAD(slope + c) - aligned)); });
    }
    multiply(s.tokens, s.size, s.tokens, {scores, s.token_stride, 1}, keys, s.size_stride, slopes[0].data + start, s.columns);
    multiply(s.tokens, s.size, s.tokens, {scores, 1, s.token_stride}, queries, s.size_stride, slopes[1].data + start, s.columns);
    multiply(s.tokens, s.size, s.tokens, {used, 1, s.token_stride}, given, s.size_stride, slopes[2].data + start, s.columns);
    for (int i = 0; i < 3; i++) {
      float* mine = partial.data() + (i * s.batch + head / s.heads) * s.columns + column;
      along(s.size, [&](int64_t c, int n) {
        V total = {};
        for (int64_t t = 0; t < s.tokens; t++) total += LOAD(slopes[i].data + start + t * s.columns + c);
        STORE(mine + c, total);
      });
    }
  });
  for (int i = 0; i < 3; i++) {
    std::fill(sums[i].data, sums[i].data + s.columns, 0.0f);
    for (int64_t sequence = 0; sequence < s.batch; sequence++)
      for (int64_t c = 0; c < s.columns; c++) sums[i].data[c] += partial[(i * s.batch + sequence) * s.columns + c];
  }
}

}  // namespace
