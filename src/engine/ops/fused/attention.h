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
  int64_t batch, heads, tokens, asked, size, columns;  // so many of the tokens ask, as a rule all of them
  int64_t token_stride, size_stride;
  float scale;
};

Shape shape_of(Call& call, int64_t rows, int64_t columns, const Attributes& attributes) {
  const int64_t heads = static_cast<int64_t>(attributes.first), tokens = static_cast<int64_t>(attributes.second);
  call.require(heads > 0 && tokens > 0 && columns % heads == 0 && rows % tokens == 0,
               "attention: the rows cannot be divided among heads and sequences");
  if (!call.ok()) return {};
  const int64_t size = columns / heads;
  return {rows / tokens, heads, tokens, tokens, size, columns, stride_of(tokens), stride_of(size),
          1 / std::sqrt(static_cast<float>(size))};
}

// `tokens` of a sequence of a head, [.., d] within rows of all heads, as rows of whole vectors, filled up with 0.
void gather(const Shape& s, const float* x, int64_t tokens, float* to) {
  for (int64_t t = 0; t < tokens; t++)
    along(s.size, [&](int64_t c, int n) {
      store(to + t * s.size_stride + c, LOAD(x + t * s.columns + c));
      __builtin_prefetch(x + t * s.columns + s.size + c);  // the next head's
    });
}

// The same on its side, from rows of `row` values: [d, T], filled up with 0.
void gather_across(const Shape& s, const float* x, int64_t row, float* to) {
  pack_turned(x, row, s.size, s.tokens, s.token_stride, to);
}

// Softmax of scale x + shift in place, of at most W rows that are `stride` apart; shift(row) may be null. What the rows
// after these need, shift(row + W), is asked for.
template <typename F>
void softmax(float* x, int64_t rows, int64_t stride, int64_t columns, float scale, F shift) {
  V of_rows[W] = {};
  for (int64_t row = 0; row < rows; row++) {
    float* const to = x + row * stride;
    const float* const added = shift(row);
    V high = splat(-INFINITY);
    along(columns, [&](int64_t c, int n) {
      V v = LOAD(to + c) * scale;
      if (added != nullptr) v += LOAD(added + c);
      STORE(to + c, v);
      if (n < W)
        for (int w = n; w < W; w++) v[w] = -INFINITY;
      high = v > high ? v : high;
    });
    of_rows[row] = high;
  }
  const V most = maxima_of(of_rows);
  for (int64_t row = 0; row < rows; row++) {
    float* const to = x + row * stride;
    const float *const next = shift(row + W), *const soon = next != nullptr ? next : to;
    V total = {};
    along(columns, [&](int64_t c, int n) {
      __builtin_prefetch(soon + c);
      V v = exp_negative(LOAD(to + c) - most[row]);
      STORE(to + c, v);
      if (n < W)
        for (int w = n; w < W; w++) v[w] = 0;
      total += v;
    });
    of_rows[row] = total;
  }
  const V factors = 1.0f / sums_of(of_rows);
  for (int64_t row = 0; row < rows; row++) {
    float* const to = x + row * stride;
    along(columns, [&](int64_t c, int n) { STORE(to + c, LOAD(to + c) * factors[row]); });
  }
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

// Which tokens of its sequence ask, where not all of them do in turn: their rows in x [B T, C], as floats.
struct Asking {
  const float* rows = nullptr;
  int64_t asked = 0, tokens = 0;
  int64_t token(int64_t sequence, int64_t i) const {
    return rows == nullptr ? i : static_cast<int64_t>(rows[sequence * asked + i]) - sequence * tokens;
  }
};

// One sequence of one head: q [asked, d], k and v [T, d] in rows of size_stride values. Its weights go to `weights`
// unless that is null, and are multiplied by `kept` unless that is.
void attend(const Shape& s, const float* q, const float* k, const float* v, const Mask& mask, const Asking& asking,
            int64_t sequence, int64_t head, const float* kept, float* weights, float* y, float* memory) {
  float *keys = memory, *scores = keys + s.size_stride * s.token_stride, *used = scores + ROWS * s.token_stride;
  gather_across(s, k, s.size_stride, keys);
  for (int64_t row = 0; row < s.asked; row += ROWS) {
    const int64_t count = std::min(ROWS, s.asked - row), at = row * s.tokens;
    float* mixed = weights != nullptr ? weights + at : scores;
    const int64_t stride = weights != nullptr ? s.tokens : s.token_stride;
    multiply(count, s.tokens, s.size, {q + row * s.size_stride, s.size_stride, 1}, keys, s.token_stride, mixed, stride,
             Places());
    for (int64_t first = 0; first < count; first += W)
      softmax(mixed + first * stride, std::min<int64_t>(W, count - first), stride, s.tokens, s.scale, [&](int64_t i) {
        const int64_t token = row + first + i;  // beyond the last one it is of the next sequence
        const int64_t of = token >= s.asked && sequence + 1 < s.batch ? sequence + 1 : sequence;
        return mask.row(of, head, asking.token(of, token % s.asked));
      });
    Left left = {mixed, stride, 1};
    if (kept != nullptr) {
      for (int64_t i = 0; i < count; i++)
        along(s.tokens, [&](int64_t c, int n) {
          STORE(used + i * s.token_stride + c, LOAD(mixed + i * stride + c) * LOAD(kept + at + i * s.tokens + c));
        });
      left = {used, s.token_stride, 1};
    }
    multiply(count, s.size, s.tokens, left, v, s.size_stride, y + row * s.columns, s.columns, Places());
  }
}

// The tokens that ask, of as many in every sequence: rows [B asked, C] of x, and which rows they are. All of them where
// these are empty.
Asking asking_of(Call& call, const View& rows, const View& places, Shape& s, int64_t depth) {
  if (!call.ok() || (places.size == 0 && rows.dims.size() < 2)) return {};
  call.require(s.batch > 0 && places.size > 0 && places.size % s.batch == 0 && rows.size == places.size * depth,
               "attention: as many rows of each sequence are expected to ask");
  if (!call.ok()) return {};
  s.asked = places.size / s.batch;
  const Asking asking = {places.data, s.asked, s.tokens};
  bool own = true;
  for (int64_t i = 0; i < places.size; i++) {
    const int64_t token = asking.token(i / s.asked, i % s.asked);
    own = own && token >= 0 && token < s.tokens;
  }
  call.require(own, "attention: a row that asks is not of its sequence");
  return asking;
}

// Self-attention of rows x [B T, C]: softmax(q k^T / sqrt(d) + mask) v of each head, with q, k, v = x times a matrix
// [C, N d] plus a bias [N d]. Queries are of the rows that ask alone, or of all. The weights are multiplied by `kept`
// [B, N, T, T], unless it is empty. y [B asked, N d], and if asked for the weights before that, and q, k and v.
void attention(Call& call, const Attributes& attributes) {
  View x = call.input(0), matrices[3], biases[3];
  for (int i = 0; i < 3; i++) {
    matrices[i] = call.input(1 + 2 * i);
    biases[i] = call.input(2 + 2 * i);
  }
  View shift = call.input(7), kept = call.input(8), rows_asking = call.input(9), places = call.input(10);
  const int64_t depth = x.columns(), columns = biases[0].size;
  Shape s = shape_of(call, x.rows(), columns, attributes);
  for (int i = 0; i < 3; i++)
    call.require(matrices[i].size == depth * columns && biases[i].size == columns, "attention: shapes differ");
  const Asking asking = asking_of(call, rows_asking, places, s, depth);
  const bool all_ask = asking.rows == nullptr;
  const Dims weights_dims = {s.batch, s.heads, s.asked, s.tokens}, none = {0};
  const int64_t weights_of_head = s.asked * s.tokens;
  call.require(kept.size == 0 || (all_ask && kept.size == s.batch * s.heads * weights_of_head),
               "attention: one factor for each weight is expected");
  const Mask mask = mask_of(call, shift, s);
  const bool keep = attributes.third != 0;
  const Dims all = x.with_columns(columns), few = all_ask ? all : Dims{s.batch * s.asked, columns};
  View y = call.output(0, few), weights = call.output(1, keep ? weights_dims : none), outputs[3];
  for (int i = 0; i < 3; i++) outputs[i] = call.output(2 + i, keep ? i == 0 ? few : all : none);
  if (!call.ok()) return;
  const int64_t rows_of_all = s.batch * s.tokens;
  const int64_t most = std::max<int64_t>(1, s.batch),
                cuts = std::clamp<int64_t>(rows_of_all / MOST, std::min(most, cuts_of(rows_of_all, s.heads)), most),
                each = (s.batch + cuts - 1) / cuts;
  pool().run(s.heads * cuts, [&](int64_t part) {
    const int64_t head = part / cuts, begin = part % cuts * each, end = std::min(s.batch, begin + each),
                  column = head * s.size;
    if (begin >= end) return;
    const float* const from[3] = {all_ask ? x.data : rows_asking.data, x.data, x.data};
    const int64_t lengths[3] = {s.asked, s.tokens, s.tokens};
    const int64_t values = (end - begin) * (s.asked + 2 * s.tokens) * s.size_stride;
    Scratch scratch(panel_size(depth) + values + (s.size_stride + 2 * ROWS) * s.token_stride);
    float *panel = scratch.take(panel_size(depth)), *mine[3];
    for (int i = 0; i < 3; i++) {
      const int64_t rows = (end - begin) * lengths[i], first = begin * lengths[i];
      mine[i] = scratch.take(rows * s.size_stride);
      for (int64_t at = 0; at < s.size; at += PANEL) {
        const int64_t here = std::min(PANEL, s.size - at);
        const Right next = {i < 2 && s.size <= PANEL ? matrices[i + 1].data + column : nullptr, columns};
        multiply_panel(from[i] + first * depth, rows, depth, {matrices[i].data + column + at, columns}, here,
                       mine[i] + at, s.size_stride, next, panel, [&](int64_t row, int64_t tall) {
          for (int64_t r = row; r < row + tall; r++) {
            along(here, [&](int64_t c, int n) {
              float* value = mine[i] + r * s.size_stride + at + c;
              V v = LOAD(value) + LOAD(biases[i].data + column + at + c);
              store(value, v);
              if (keep) {
                float* const to = outputs[i].data + (first + r) * columns + column + at + c;
                STORE(to, v);
                __builtin_prefetch(to + tall * columns, 1);
              }
            });
          }
        });
      }
    }
    float* memory = scratch.take((s.size_stride + 2 * ROWS) * s.token_stride);
    for (int64_t sequence = begin; sequence < end; sequence++) {
      const int64_t at = (sequence - begin) * s.tokens * s.size_stride,
                    at_asked = (sequence - begin) * s.asked * s.size_stride,
                    pair = (sequence * s.heads + head) * weights_of_head;
      attend(s, mine[0] + at_asked, mine[1] + at, mine[2] + at, mask, asking, sequence, head,
             kept.size > 0 ? kept.data + pair : nullptr, keep ? weights.data + pair : nullptr,
             y.data + sequence * s.asked * columns + column, memory);
    }
  });
}

// By q, k and v (and their biases: the column sums): with g = dy v^T kept by the weights p, ds = p (g - sum(p g)) /
// sqrt(d); ds k, ds^T q and (p kept)^T dy. q and dy have the rows that ask.
void attention_gradient(Call& call, const Attributes& attributes) {
  View dy = call.input(0), q = call.input(1), k = call.input(2), v = call.input(3), weights = call.input(4),
       kept = call.input(5);
  Shape s = shape_of(call, k.rows(), k.columns(), attributes);
  if (call.ok() && s.batch > 0) s.asked = q.rows() / s.batch;
  call.require(q.size == s.batch * s.asked * s.columns && v.size == k.size && dy.size == q.size,
               "attention: shapes differ");
  call.require(weights.size == s.batch * s.heads * s.asked * s.tokens && (kept.size == 0 || kept.size == weights.size),
               "attention: shapes differ");
  View gradients[3], sums[3];
  for (int i = 0; i < 3; i++) gradients[i] = call.output(i, i == 0 ? q.dims : k.dims);
  for (int i = 0; i < 3; i++) sums[i] = call.output(3 + i, {s.columns});
  if (!call.ok()) return;
  std::vector<float> partial(static_cast<size_t>(3 * s.batch * s.columns));
  pool().run(s.batch * s.heads, [&](int64_t head) {
    const int64_t rows = s.tokens * s.size_stride, few = s.asked * s.size_stride, pairs = s.asked * s.token_stride;
    Scratch scratch(rows + 2 * few + s.size_stride * s.token_stride + 2 * pairs);
    float *queries = scratch.take(few), *keys = scratch.take(rows), *given = scratch.take(few),
          *values = scratch.take(s.size_stride * s.token_stride);
    float *scores = scratch.take(pairs), *used = scratch.take(pairs);
    const int64_t column = head % s.heads * s.size, sequence = head / s.heads,
                  start = sequence * s.tokens * s.columns + column,
                  start_asked = sequence * s.asked * s.columns + column;
    gather(s, q.data + start_asked, s.asked, queries);
    gather(s, k.data + start, s.tokens, keys);
    gather(s, dy.data + start_asked, s.asked, given);
    gather_across(s, v.data + start, s.columns, values);
    multiply(s.asked, s.tokens, s.size, {given, s.size_stride, 1}, values, s.token_stride, scores, s.token_stride);
    const float* shares = weights.data + head * s.asked * s.tokens;
    for (int64_t row = 0; row < s.asked; row++) {
      float* gradient = scores + row * s.token_stride;
      const float* share = shares + row * s.tokens;
      const float* factor = kept.size > 0 ? kept.data + (head * s.asked + row) * s.tokens : nullptr;
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
        __builtin_prefetch(share + s.asked * s.tokens + c);  // the next head's
      });
      const float aligned = sum(total);
      along(s.tokens,
            [&](int64_t c, int n) { STORE(gradient + c, s.scale * LOAD(share + c) * (LOAD(gradient + c) - aligned)); });
    }
    multiply(s.asked, s.size, s.tokens, {scores, s.token_stride, 1}, keys, s.size_stride,
             gradients[0].data + start_asked, s.columns, Places());
    multiply(s.tokens, s.size, s.asked, {scores, 1, s.token_stride}, queries, s.size_stride, gradients[1].data + start,
             s.columns, Places());
    multiply(s.tokens, s.size, s.asked, {used, 1, s.token_stride}, given, s.size_stride, gradients[2].data + start,
             s.columns, Places());
    for (int i = 0; i < 3; i++) {
      float* mine = partial.data() + (i * s.batch + sequence) * s.columns + column;
      const float* from = gradients[i].data + (i == 0 ? start_asked : start);
      const int64_t length = i == 0 ? s.asked : s.tokens;
      along(s.size, [&](int64_t c, int n) {
        V total = {};
        for (int64_t t = 0; t < length; t++) total += LOAD(from + t * s.columns + c);
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
