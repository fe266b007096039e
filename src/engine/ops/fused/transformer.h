// Elementwise steps of transformers.
#pragma once
#include "call.h"
#include "product.h"
#include "threads.h"

namespace {

constexpr int SIDE = BROAD;  // vectors of gelu side by side: a row of a tile

// gelu(x matrix + bias), and if asked for its slope there.
void dense_gelu(Call& call, const Attributes& attributes) {
  View x = call.input(0), matrix = call.input(1), bias = call.input(2);
  const int64_t rows = x.rows(), depth = x.columns(), columns = matrix.columns();
  call.require(matrix.rows() == depth && bias.size == columns, "gelu: shapes differ");
  const bool keep = attributes.second != 0;
  View y = call.output(0, x.with_columns(columns)), slope = call.output(1, keep ? y.dims : Dims{0});
  if (!call.ok()) return;
  const float density = static_cast<float>(0.3989422804014327);
  multiply_all(x.data, rows, depth, matrix.data, columns, y.data,
               [&](int64_t first, int64_t column, int64_t tall, int64_t here) {
    for (int64_t row = first; row < first + tall; row++) {
      const int64_t at = row * columns + column;
      const auto place = [&](V u, V below, V gauss, int64_t c, int n) {
        STORE(y.data + at + c, u * below);
        if (keep) {
          STORE(slope.data + at + c, below + u * gauss * density);
          __builtin_prefetch(slope.data + at + tall * columns + c, 1);
        }
      };
      int64_t c = 0;
      for (; c + SIDE * W <= here; c += SIDE * W) {
        V u[SIDE];
        for (int i = 0; i < SIDE; i++) u[i] = load(y.data + at + c + i * W) + load(bias.data + column + c + i * W);
        const Normal<SIDE> law = normal(u);
        for (int i = 0; i < SIDE; i++) place(u[i], law.below[i], law.gauss[i], c + i * W, W);
      }
      along(here - c, [&](int64_t more, int n) {
        const V u[1] = {LOAD(y.data + at + c + more) + LOAD(bias.data + column + c + more)};
        const Normal<1> law = normal(u);
        place(u[0], law.below[0], law.gauss[0], c + more, n);
      });
    }
  });
}

// dy times the slope, and its column sums.
void gelu_gradient(Call& call, const Attributes&) {
  View slope = call.input(0), dy = call.input(1);
  call.require(dy.size == slope.size, "gelu: shapes differ");
  const int64_t columns = slope.columns();
  View dx = call.output(0, slope.dims), dbias = call.output(1, {columns});
  if (!call.ok()) return;
  with_sums(slope.rows(), columns, 1, &dbias.data, [&](int64_t begin, int64_t end, float* sums) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      along(columns, [&](int64_t c, int n) {
        V gradient = LOAD(dy.data + at + c) * LOAD(slope.data + at + c);
        STORE(dx.data + at + c, gradient);
        add_to(sums + c, gradient, n);
      });
    }
  });
}

struct NormOutputs {
  View y, hat, inverse;  // the latter two may be empty
};

NormOutputs norm_outputs(Call& call, const Dims& dims, int64_t rows, bool keep) {
  return {call.output(0, dims), call.output(1, keep ? dims : Dims{0}), call.output(2, {keep ? rows : 0})};
}

// Layer norm of rows x, which may be y itself; gamma and beta have their length.
void norm_rows(const float* x, int64_t rows, const View& gamma, const View& beta, float epsilon,
               const NormOutputs& to) {
  const int64_t columns = gamma.size;
  const bool keep = to.inverse.size > 0;
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      V total = {};
      along(columns, [&](int64_t c, int n) { total += LOAD(x + at + c); });
      const float mean = sum(total) / columns;
      V squares = {};
      along(columns, [&](int64_t c, int n) {
        V v = LOAD(x + at + c) - mean;
        if (n < W)
          for (int w = n; w < W; w++) v[w] = 0;
        squares += v * v;
      });
      const float scale = 1 / std::sqrt(sum(squares) / columns + epsilon);
      if (keep) to.inverse.data[row] = scale;
      along(columns, [&](int64_t c, int n) {
        V v = (LOAD(x + at + c) - mean) * scale;
        if (keep) {
          STORE(to.hat.data + at + c, v);
        }
        STORE(to.y.data + at + c, v * LOAD(gamma.data + c) + LOAD(beta.data + c));
      });
    }
  });
}

// Layer norm of x: y, and for the gradient, if asked for, the normalized values and 1 / std of each row.
void norm(Call& call, const Attributes& attributes) {
  View x = call.input(0), gamma = call.input(1), beta = call.input(2);
  call.require(gamma.size == x.columns() && beta.size == x.columns(),
               "norm: one gamma and beta for each column are expected");
  const NormOutputs to = norm_outputs(call, x.dims, x.rows(), attributes.second != 0);
  if (call.ok()) norm_rows(x.data, x.rows(), gamma, beta, attributes.first, to);
}

// The same of x matrix + bias + residual.
void dense_norm(Call& call, const Attributes& attributes) {
  View x = call.input(0), matrix = call.input(1), bias = call.input(2), residual = call.input(3), gamma = call.input(4),
       beta = call.input(5);
  const int64_t rows = x.rows(), depth = x.columns(), columns = matrix.columns();
  call.require(matrix.rows() == depth && bias.size == columns && residual.size == rows * columns,
               "norm: shapes differ");
  call.require(gamma.size == columns && beta.size == columns, "norm: one gamma and beta for each column are expected");
  const NormOutputs to = norm_outputs(call, x.with_columns(columns), rows, attributes.second != 0);
  if (!call.ok()) return;
  float* y = to.y.data;
  multiply_all(x.data, rows, depth, matrix.data, columns, y,
               [&](int64_t first, int64_t column, int64_t tall, int64_t here) {
    for (int64_t row = first; row < first + tall; row++) {
      const int64_t at = row * columns + column;
      along(here, [&](int64_t c, int n) {
        // the residual last: it is larger than what is added up, whose last digits it would take
        STORE(y + at + c, LOAD(y + at + c) + LOAD(bias.data + column + c) + LOAD(residual.data + at + c));
        __builtin_prefetch(residual.data + at + tall * columns + c);
      });
    }
  });
  norm_rows(y, rows, gamma, beta, attributes.first, to);
}

void norm_gradient(Call& call, const Attributes&) {
  View dy = call.input(0), hat = call.input(1), inverse = call.input(2), gamma = call.input(3);
  const int64_t columns = hat.columns(), rows = hat.rows();
  call.require(dy.size == hat.size && inverse.size == rows && gamma.size == columns, "norm: shapes differ");
  View dx = call.output(0, hat.dims), dgamma = call.output(1, {columns}), dbeta = call.output(2, {columns}),
       dbias = call.output(3, {columns});
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
        V gradient = scale * (LOAD(dy.data + at + c) * LOAD(gamma.data + c) - mean - LOAD(hat.data + at + c) * share);
        STORE(dx.data + at + c, gradient);
        add_to(sums + 2 * columns + c, gradient, n);
      });
    }
  });
}

}  // namespace
