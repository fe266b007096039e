// Attention of every head by itself: its scores, weights and gradients stay in the cache of the core that computes
// them.
#pragma once
#include <algorithm>

#include "call.h"
#include "product.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace {

// Where one head stands in rows [B T, N d].
struct Shape {
  int64_t batch, heads, tokens, size, columns;
  int64_t token_stride, size_stride;
  float scale;
};

Shape shape_of(Call& call, int64_t rows, int64_t columns, const Attributes& attributes) {
  const int64_t heads = static_cast<int64_t>(attributes.first), tokens = static_cast<int64_t>(attributes.second);
  call.require(heads > 0 && tokens > 0 && columns % heads == 0 && rows % tokens == 0,
               "attention: the rows cannot be divided among heads and sequences");
  if (!call.ok()) return {};
  const int64_t size = columns / heads;
  return {rows / tokens, heads, tokens, size, columns, stride_of(tokens), stride_of(size),
          1 / std::sqrt(static_cast<float>(size))};
}

// A sequence of a head, [T, d] within rows of all heads, as rows of whole vectors, filled up with 0.
void gather(const Shape& s, const float* x, float* to) {
  for (int64_t t = 0; t < s.tokens; t++)
    along(s.size, [&](int64_t c, int n) { store(to + t * s.size_stride + c, LOAD(x + t * s.columns + c)); });
}

// The same on its side, from rows of `row` values: [d, T], filled up with 0.
void gather_across(const Shape& s, const float* x, int64_t row, float* to) {
  for (int64_t c = 0; c < s.size; c++)
    std::fill(to + c * s.token_stride + s.tokens, to + (c + 1) * s.token_stride, 0.0f);
  for (int64_t first = 0; first < s.tokens; first += W) {
    const int64_t end = std::min<int64_t>(s.tokens, first + W);
    for (int64_t c = 0; c < s.size; c++)
      for (int64_t t = first; t < end; t++) to[c * s.token_stride + t] = x[t * row + c];
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
constexpr int64_t MOST = 1024;      // tokens of a part, or so: their queries, keys and values shall stay in the cache

// What is added to the scores [B, N, T, T], with as many axes, each of the same length or 1, the last whole; nothing
// where it is empty.
struct Mask {
  const float* data = nullptr;
  int64_t steps[3] = {0, 0, 0};
  const float* row(int64_t sequence, int64_t head, int64_t token) const {
    return data == nullptr ? nullptr : data + sequence * steps[0] + head * steps[1] + token * steps[2];
  }
};

Mask mask_of(Call& call, const View& given, const Shape& s) {
  Mask mask;
  if (!call.ok() || given.size == 0) return mask;
  const int64_t whole[3] = {s.batch, s.heads, s.tokens};
  bool fits = given.dims.size() == 4 && given.dims[3] == s.tokens;
  for (int axis = 0; fits && axis < 3; axis++) fits = given.dims[axis] == 1 || given.dims[axis] == whole[axis];
  call.require(fits, "attention: the mask has other axes");
  if (!call.ok()) return mask;
  mask.data = given.data;
  int64_t step = s.tokens;
  for (int axis = 2; axis >= 0; axis--) {
    mask.steps[axis] = given.dims[axis] == 1 ? 0 : step;
    step *= given.dims[axis];
  }
  return mask;
}

// One sequence of one head: q, k, v [T, d] in rows of size_stride values. Its weights go to `weights` unless that is
// null, and are multiplied by `kept` unless that is.
void attend(const Shape& s, const float* q, const float* k, const float* v, const Mask& mask, int64_t sequence,
            int64_t head, const float* kept, float* weights, float* y, float* memory) {
  float *keys = memory, *scores = keys + s.size_stride * s.token_stride, *used = scores + ROWS * s.token_stride;
  gather_across(s, k, s.size_stride, keys);
  for (int64_t row = 0; row < s.tokens; row += ROWS) {
    const int64_t count = std::min(ROWS, s.tokens - row), at = row * s.tokens;
    float* mixed = weights != nullptr ? weights + at : scores;
    const int64_t stride = weights != nullptr ? s.tokens : s.token_stride;
    multiply(count, s.tokens, s.size, {q + row * s.size_stride, s.size_stride, 1}, keys, s.token_stride, mixed, stride);
    for (int64_t i = 0; i < count; i++)
      softmax(mixed + i * stride, s.tokens, s.scale, mask.row(sequence, head, row + i));
    Left left = {mixed, stride, 1};
    if (kept != nullptr) {
      for (int64_t i = 0; i < count; i++)
        along(s.tokens, [&](int64_t c, int n) {
          STORE(used + i * s.token_stride + c, LOAD(mixed + i * stride + c) * LOAD(kept + at + i * s.tokens + c));
        });
      left = {used, s.token_stride, 1};
    }
    multiply(count, s.size, s.tokens, left, v, s.size_stride, y + row * s.columns, s.columns);
  }
}

// Self-attention of rows x [B T, C]: softmax(q k^T / sqrt(d) + mask) v of each head, with q, k, v = x times a matrix
// [C, N d] plus a bias [N d]. The weights are multiplied by `kept` [B, N, T, T], unless it is empty. y [B T, N d], and
// if asked for the weights before that, and q, k and v.
void attention(Call& call, const Attributes& attributes) {
  View x = call.input(0), matrices[3], biases[3];
  for (int i = 0; i < 3; i++) {
    matrices[i] = call.input(1 + 2 * i);
    biases[i] = call.input(2 + 2 * i);
  }
  View shift = call.input(7), kept = call.input(8);
  const int64_t depth = x.columns(), columns = biases[0].size;
  const Shape s = shape_of(call, x.rows(), columns, attributes);
  for (int i = 0; i < 3; i++)
    call.require(matrices[i].size == depth * columns && biases[i].size == columns, "attention: shapes differ");
  const Dims square = {s.batch, s.heads, s.tokens, s.tokens}, none = {0};
  const int64_t weights_of_head = s.tokens * s.tokens;
  call.require(kept.size == 0 || kept.size == s.batch * s.heads * weights_of_head,
               "attention: one factor for each weight is expected");
  const Mask mask = mask_of(call, shift, s);
  const bool keep = attributes.third != 0;
  const Dims all = x.with_columns(columns);
  View y = call.output(0, all), weights = call.output(1, keep ? square : none), outputs[3];
  for (int i = 0; i < 3; i++) outputs[i] = call.output(2 + i, keep ? all : none);
  if (!call.ok()) return;
  const int64_t rows_of_all = s.batch * s.tokens;
  const int64_t cuts = std::clamp<int64_t>(rows_of_all / MOST, std::min(s.batch, cuts_of(rows_of_all, s.heads)),
                                           std::max<int64_t>(1, s.batch)),
                each = (s.batch + cuts - 1) / cuts;
  pool().run(s.heads * cuts, [&](int64_t part) {
    const int64_t head = part / cuts, begin = part % cuts * each, end = std::min(s.batch, begin + each),
                  column = head * s.size;
    if (begin >= end) return;
    const int64_t rows = (end - begin) * s.tokens, first = begin * s.tokens;
    Scratch scratch(panel_size(depth) + 3 * rows * s.size_stride + (s.size_stride + 2 * ROWS) * s.token_stride);
    float *panel = scratch.take(panel_size(depth)), *mine[3];
    for (int i = 0; i < 3; i++) {
      mine[i] = scratch.take(rows * s.size_stride);
      for (int64_t at = 0; at < s.size; at += PANEL) {
        const int64_t here = std::min(PANEL, s.size - at);
        const Right next = {i < 2 && s.size <= PANEL ? matrices[i + 1].data + column : nullptr, columns};
        multiply_panel(x.data + first * depth, rows, depth, {matrices[i].data + column + at, columns}, here,
                       mine[i] + at, s.size_stride, next, panel, [&](int64_t row, int64_t tall) {
          for (int64_t r = row; r < row + tall; r++) {
            along(here, [&](int64_t c, int n) {
              float* value = mine[i] + r * s.size_stride + at + c;
              V v = LOAD(value) + LOAD(biases[i].data + column + at + c);
              store(value, v);
              if (keep) {
                STORE(outputs[i].data + (first + r) * columns + column + at + c, v);
              }
            });
          }
        });
      }
    }
    float* memory = scratch.take((s.size_stride + 2 * ROWS) * s.token_stride);
    for (int64_t sequence = begin; sequence < end; sequence++) {
      const int64_t at = (sequence - begin) * s.tokens * s.size_stride,
                    pair = (sequence * s.heads + head) * weights_of_head;
      attend(s, mine[0] + at, mine[1] + at, mine[2] + at, mask, sequence, head,
             kept.size > 0 ? kept.data + pair : nullptr, keep ? weights.data + pair : nullptr,
             y.data + sequence * s.tokens * columns + column, memory);
    }
  });
}

// By q, k and v (and their biases: the column sums): with g = dy v^T kept by the weights p, ds = p (g - sum(p g)) /
// sqrt(d); ds k, ds^T q and (p kept)^T dy.
void attention_gradient(Call& call, const Attributes& attributes) {
  View dy = call.input(0), q = call.input(1), k = call.input(2), v = call.input(3), weights = call.input(4),
       kept = call.input(5);
  const Shape s = shape_of(call, q.rows(), q.columns(), attributes);
  call.require(k.size == q.size && v.size == q.size && dy.size == q.size, "attention: shapes differ");
  call.require(weights.size == s.batch * s.heads * s.tokens * s.tokens && (kept.size == 0 || kept.size == weights.size),
               "attention: shapes differ");
  View gradients[3], sums[3];
  for (int i = 0; i < 3; i++) gradients[i] = call.output(i, q.dims);
  for (int i = 0; i < 3; i++) sums[i] = call.output(3 + i, {s.columns});
  if (!call.ok()) return;
  std::vector<float> partial(static_cast<size_t>(3 * s.batch * s.columns));
  pool().run(s.batch * s.heads, [&](int64_t head) {
    const int64_t rows = s.tokens * s.size_stride, square = s.tokens * s.token_stride;
    Scratch scratch(3 * rows + s.size_stride * s.token_stride + 2 * square);
    float *queries = scratch.take(rows), *keys = scratch.take(rows), *given = scratch.take(rows),
          *values = scratch.take(s.size_stride * s.token_stride);
    float *scores = scratch.take(square), *used = scratch.take(square);
    const int64_t column = head % s.heads * s.size, start = head / s.heads * s.tokens * s.columns + column;
    gather(s, q.data + start, queries);
    gather(s, k.data + start, keys);
    gather(s, dy.data + start, given);
    gather_across(s, v.data + start, s.columns, values);
    multiply(s.tokens, s.tokens, s.size, {given, s.size_stride, 1}, values, s.token_stride, scores, s.token_stride);
    const float* shares = weights.data + head * s.tokens * s.tokens;
    for (int64_t row = 0; row < s.tokens; row++) {
      float* gradient = scores + row * s.token_stride;
      const float* share = shares + row * s.tokens;
      const float* factor = kept.size > 0 ? kept.data + (head * s.tokens + row) * s.tokens : nullptr;
      V total = {};
      along(s.tokens, [&](int64_t c, int n) {
        V p = LOAD(share + c), g = LOAD(gradient + c), mixed = p;
        if (factor != nullptr) {
          g *= LOAD(factor + c);
          mixed *= LOAD(factor + c);
          STORE(gradient + c, g);
        }
        STORE(used + row * s.token_stride + c, mixed);
        total += p * g;
      });
      const float aligned = sum(total);
      along(s.tokens,
            [&](int64_t c, int n) { STORE(gradient + c, s.scale * LOAD(share + c) * (LOAD(gradient + c) - aligned)); });
    }
    multiply(s.tokens, s.size, s.tokens, {scores, s.token_stride, 1}, keys, s.size_stride, gradients[0].data + start,
             s.columns);
    multiply(s.tokens, s.size, s.tokens, {scores, 1, s.token_stride}, queries, s.size_stride, gradients[1].data + start,
             s.columns);
    multiply(s.tokens, s.size, s.tokens, {used, 1, s.token_stride}, given, s.size_stride, gradients[2].data + start,
             s.columns);
    for (int i = 0; i < 3; i++) {
      float* mine = partial.data() + (i * s.batch + head / s.heads) * s.columns + column;
      along(s.size, [&](int64_t c, int n) {
        V total = {};
        for (int64_t t = 0; t < s.tokens; t++) total += LOAD(gradients[i].data + start + t * s.columns + c);
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
