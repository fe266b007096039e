// Layers of plain networks: x matrix + bias, tanh of it, and their gradients. For small matrices, on one thread: the
// products are shorter than the way through several ops.
#pragma once
#include "call.h"
#include "scratch.h"
#include "threads.h"
#include "tile.h"

namespace {

// Cephes' tanhf, within 1e-7: near 0 as a polynomial, so that no digits are lost there.
inline V tangent(V u) {
  const V size = u < 0.0f ? -u : u, square = u * u;
  V p = splat(-5.70498872745e-3f);
  p = p * square + 2.06390887954e-2f;
  p = p * square - 5.37397155531e-2f;
  p = p * square + 1.33314422036e-1f;
  p = p * square - 3.33332819422e-1f;
  const V near = p * square * u + u, e = exp_negative(-2.0f * size), far = (1.0f - e) / (1.0f + e);
  return size > 0.625f ? (u < 0.0f ? -far : far) : near;
}

// A matrix [rows, columns] in scratch, each row filled up to whole vectors; returns the length of these.
int64_t filled(const float* from, int64_t rows, int64_t columns, float* to) {
  const int64_t width = (columns + W - 1) / W * W;
  for (int64_t row = 0; row < rows; row++)
    along(columns, [&](int64_t c, int n) { store(to + row * width + c, LOAD(from + row * columns + c)); });
  return width;
}

// Values of the scratch that filled needs.
inline int64_t filled_size(int64_t rows, int64_t columns) { return rows * ((columns + W - 1) / W * W); }

// Each row of x matrix + bias, as `then` makes it.
template <typename F>
void dense_then(Call& call, F then) {
  View x = call.input(0), matrix = call.input(1), bias = call.input(2);
  const int64_t rows = x.rows(), depth = x.columns(), columns = matrix.columns();
  call.require(matrix.rows() == depth && bias.size == columns, "dense: shapes differ");
  View y = call.output(0, x.with_columns(columns));
  if (!call.ok()) return;
  Scratch scratch(filled_size(depth, columns));
  float* const right = scratch.take(filled_size(depth, columns));
  const int64_t width = filled(matrix.data, depth, columns, right);
  multiply(rows, columns, depth, {x.data, depth, 1}, right, width, y.data, columns);
  for (int64_t row = 0; row < rows; row++) {
    float* to = y.data + row * columns;
    along(columns, [&](int64_t c, int n) { STORE(to + c, then(LOAD(to + c) + LOAD(bias.data + c))); });
  }
}

// x matrix + bias.
void dense(Call& call, const Attributes&) {
  dense_then(call, [](V v) { return v; });
}

// tanh(x matrix + bias).
void dense_tanh(Call& call, const Attributes&) {
  dense_then(call, [](V v) { return tangent(v); });
}

// Sums of the columns of x, part by part of its rows.
void column_sums(Call& call, const Attributes&) {
  View x = call.input(0);
  const int64_t columns = x.columns();
  View sums = call.output(0, {columns});
  if (!call.ok()) return;
  with_sums(x.rows(), columns, 1, &sums.data, [&](int64_t begin, int64_t end, float* mine) {
    for (int64_t row = begin; row < end; row++)
      along(columns, [&](int64_t c, int n) { add_to(mine + c, LOAD(x.data + row * columns + c), n); });
  });
}

// Of dy, by what tanh was taken of: dy (1 - y^2); by the matrix, x^T times that; by the bias, its column sums.
void dense_tanh_gradient(Call& call, const Attributes&) {
  View dy = call.input(0), y = call.input(1), x = call.input(2);
  const int64_t rows = y.rows(), columns = y.columns(), depth = x.columns();
  call.require(dy.size == y.size && x.rows() == rows, "tanh: shapes differ");
  View before = call.output(0, y.dims), dmatrix = call.output(1, {depth, columns}), dbias = call.output(2, {columns});
  if (!call.ok()) return;
  std::fill(dbias.data, dbias.data + columns, 0.0f);
  for (int64_t row = 0; row < rows; row++) {
    const int64_t at = row * columns;
    along(columns, [&](int64_t c, int n) {
      const V value = LOAD(y.data + at + c), gradient = LOAD(dy.data + at + c) * (1.0f - value * value);
      STORE(before.data + at + c, gradient);
      const V total = LOAD(dbias.data + c) + gradient;
      STORE(dbias.data + c, total);
    });
  }
  Scratch scratch(filled_size(rows, columns));
  float* const right = scratch.take(filled_size(rows, columns));
  const int64_t width = filled(before.data, rows, columns, right);
  multiply(depth, columns, rows, {x.data, 1, depth}, right, width, dmatrix.data, columns);
}

}  // namespace
