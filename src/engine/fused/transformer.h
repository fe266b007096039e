// Elementwise steps of transformers.
#pragma once
#include "call.h"
#include "threads.h"

namespace {

// gelu(x + bias)
void gelu(Call& call, const Attributes&) {
  View x = call.input(0), bias = call.input(1);
  call.require(bias.size == x.columns(), "gelu: one bias for each column is expected");
  View y = call.output(0, x.dims);
  if (!call.ok()) return;
  const int64_t columns = x.columns();
  by_rows(x.rows(), columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* from = x.data + row * columns;
      float* to = y.data + row * columns;
      along(columns, [&](int64_t c, int n) {
        V u = LOAD(from + c) + LOAD(bias.data + c);
        STORE(to + c, u * normal(u).below);
      });
    }
  });
}

void gelu_gradient(Call& call, const Attributes&) {
  View x = call.input(0), bias = call.input(1), dy = call.input(2);
  call.require(bias.size == x.columns() && dy.size == x.size, "gelu: shapes differ");
  View dx = call.output(0, x.dims), dbias = call.output(1, {x.columns()});
  if (!call.ok()) return;
  const int64_t columns = x.columns();
  const float density = static_cast<float>(0.3989422804014327);
  with_sums(x.rows(), columns, 1, &dbias.data, [&](int64_t begin, int64_t end, float* sums) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      along(columns, [&](int64_t c, int n) {
        V u = LOAD(x.data + at + c) + LOAD(bias.data + c);
        Normal law = normal(u);
        V slope = LOAD(dy.data + at + c) * (law.below + u * law.gauss * density);
        STORE(dx.data + at + c, slope);
        add_to(sums + c, slope, n);
      });
    }
  });
}

// Layer norm of x + bias + residual, of which the latter two may be empty: y, and for the gradient the normalised values and 1 / deviation of each row.
void norm(Call& call, const Attributes& attributes) {
  View x = call.input(0), bias = call.input(1), residual = call.input(2), gamma = call.input(3), beta = call.input(4);
  const int64_t columns = x.columns(), rows = x.rows();
  call.require(gamma.size == columns && beta.size == columns, "norm: one gamma and beta for each column are expected");
  call.require((bias.size == 0 || bias.size == columns) && (residual.size == 0 || residual.size == x.size), "norm: shapes differ");
  const bool keep = attributes.second != 0;
  View y = call.output(0, x.dims), hat = call.output(1, keep ? x.dims : std::vector<int64_t>{0}), inverse = call.output(2, {keep ? rows : 0});
  if (!call.ok()) return;
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    std::vector<float> sum_of(static_cast<size_t>(columns));
    float* u = sum_of.data();
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      V total = {};
      along(columns, [&](int64_t c, int n) {
        V v = LOAD(x.data + at + c);
        if (bias.size > 0) v += LOAD(bias.data + c);
        if (residual.size > 0) v += LOAD(residual.data + at + c);
        STORE(u + c, v);
        total += v;
      });
      const float mean = sum(total) / columns;
      V squares = {};
      along(columns, [&](int64_t c, int n) {
        V v = LOAD(u + c) - mean;
        if (n < W)
          for (int w = n; w < W; w++) v[w] = 0;
        squares += v * v;
      });
      const float scale = 1 / std::sqrt(sum(squares) / columns + attributes.first);
      if (keep) inverse.data[row] = scale;
      along(columns, [&](int64_t c, int n) {
        V v = (LOAD(u + c) - mean) * scale;
        if (keep) {
          STORE(hat.data + at + c, v);
        }
        STORE(y.data + at + c, v * LOAD(gamma.data + c) + LOAD(beta.data + c));
      });
    }
  });
}

// dx = inverse (g - mean(g) - hat mean(g hat)) with g = dy gamma; by gamma: the column sums of dy hat, by beta: of dy, by a bias: of dx.
void norm_gradient(Call& call, const Attributes&) {
  View dy = call.input(0), hat = call.input(1), inverse = call.input(2), gamma = call.input(3);
  const int64_t columns = hat.columns(), rows = hat.rows();
  call.require(dy.size == hat.size && inverse.size == rows && gamma.size == columns, "norm: shapes differ");
  View dx = call.output(0, hat.dims), dgamma = call.output(1, {columns}), dbeta = call.output(2, {columns}), dbias = call.output(3, {columns});
  if (!call.ok()) return;
  float* const results[3] = {dgamma.data, dbeta.data, dbias.data};
  with_sums(rows, columns, 3, results, [&](int64_t begin, int64_t end, float* sums) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      V total = {}, aligned = {};
      along(columns, [&](int64_t c, int n) {
        V d = LOAD(dy.data + at + c), h = LOAD(hat.data + at + c), g = d * LOAD(gamma.data + c);
        total += g;
        aligned += g * h;
        add_to(sums + c, d * h, n);
        add_to(sums + columns + c, d, n);
      });
      const float mean = sum(total) / columns, share = sum(aligned) / columns, scale = inverse.data[row];
      along(columns, [&](int64_t c, int n) {
        V slope = scale * (LOAD(dy.data + at + c) * LOAD(gamma.data + c) - mean - LOAD(hat.data + at + c) * share);
        STORE(dx.data + at + c, slope);
        add_to(sums + 2 * columns + c, slope, n);
      });
    }
  });
}

}  // namespace
