// Elementwise steps of convolutional nets.
#pragma once
#include <utility>
#include <vector>

#include "call.h"
#include "threads.h"

namespace {

// Few channels leave most of a vector empty: then as many rows as fill one are taken for one long row, where they come
// out even. What is said of each channel is repeated as often.
struct Rows {
  int64_t channels, times = 1, rows, columns;

  Rows(int64_t given_rows, int64_t given_columns) : channels(given_columns), rows(given_rows), columns(given_columns) {
    if (columns == 0 || columns >= W || W % columns != 0 || rows % (W / columns) != 0) return;
    times = W / columns;
    rows /= times;
    columns = W;
  }

  std::vector<float> repeated(const float* values) const {
    std::vector<float> all;
    for (int64_t i = 0; i < times; i++) all.insert(all.end(), values, values + channels);
    return all;
  }

  // Sums of columns as sums of channels, at the beginning.
  void gather(double* sums) const {
    for (int64_t c = channels; c < columns; c++) sums[c % channels] += sums[c];
  }
};

// scale x + shift + residual, with a scale and shift for each channel, and a ReLU if asked for; scale and residual may
// be empty.
void scale_shift(Call& call, const Attributes& attributes) {
  View x = call.input(0), scale = call.input(1), shift = call.input(2), residual = call.input(3);
  const int64_t columns = x.columns();
  call.require(shift.size == columns && (scale.size == 0 || scale.size == columns),
               "scale and shift: one for each channel is expected");
  call.require(residual.size == 0 || residual.size == x.size, "scale and shift: shapes differ");
  const bool relu = attributes.second != 0;
  View y = call.output(0, x.dims);
  if (!call.ok()) return;
  const Rows long_rows(x.rows(), columns);
  const std::vector<float> shifts = long_rows.repeated(shift.data),
                           scales = scale.size > 0 ? long_rows.repeated(scale.data) : std::vector<float>();
  by_rows(long_rows.rows, long_rows.columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * long_rows.columns;
      along(long_rows.columns, [&](int64_t c, int n) {
        V v = LOAD(x.data + at + c);
        if (scale.size > 0) v *= LOAD(scales.data() + c);
        v += LOAD(shifts.data() + c);
        if (residual.size > 0) v += LOAD(residual.data + at + c);
        if (relu) v = v < 0.0f ? V{} : v;
        STORE(y.data + at + c, v);
      });
    }
  });
}

// Batch norm by running statistics as scale x + shift: scale = gamma / sqrt(variance + epsilon), the first number, and
// shift = beta - mean scale.
void norm_affine(Call& call, const Attributes& attributes) {
  View gamma = call.input(0), beta = call.input(1), mean = call.input(2), variance = call.input(3);
  const int64_t size = gamma.size;
  call.require(beta.size == size && mean.size == size && variance.size == size,
               "batch norm: four numbers for each channel are expected");
  View scale = call.output(0, {size}), shift = call.output(1, {size});
  if (!call.ok()) return;
  along(size, [&](int64_t c, int n) {
    const V s = LOAD(gamma.data + c) / root(LOAD(variance.data + c) + attributes.first);
    STORE(scale.data + c, s);
    STORE(shift.data + c, LOAD(beta.data + c) - LOAD(mean.data + c) * s);
  });
}

// Batch norm over all axes but the last, of x; then plus a residual, unless it is empty, and a ReLU if asked for. y,
// batch mean, batch variance (unbiased) and 1 / std.
void batch_norm(Call& call, const Attributes& attributes) {
  View x = call.input(0), residual = call.input(1), gamma = call.input(2), beta = call.input(3);
  const int64_t columns = x.columns(), rows = x.rows();
  call.require(rows > 0 && gamma.size == columns && beta.size == columns,
               "batch norm: one gamma and beta for each channel are expected");
  call.require(residual.size == 0 || residual.size == x.size, "batch norm: shapes differ");
  const bool relu = attributes.second != 0;
  View y = call.output(0, x.dims), mean = call.output(1, {columns}), variance = call.output(2, {columns}),
       inverse = call.output(3, {columns});
  if (!call.ok()) return;
  // sums about the first row: about a value near the mean, sums of squares lose nothing
  const Rows long_rows(rows, columns);
  const int64_t tall = long_rows.rows, wide = long_rows.columns;
  std::vector<float> center(x.data, x.data + columns), centers, scale(columns), offset(columns);
  std::vector<double> totals(2 * wide);
  double* const results[2] = {totals.data(), totals.data() + wide};
  const auto sum = [&] {
    centers = long_rows.repeated(center.data());
    with_exact_sums(tall, wide, 2, results, [&](int64_t begin, int64_t end, float* sums) {
      for (int64_t row = begin; row < end; row++) {
        const float* from = x.data + row * wide;
        along(wide, [&](int64_t c, int n) {
          V d = LOAD(from + c) - LOAD(centers.data() + c);
          add_to(sums + c, d, n);
          add_to(sums + wide + c, d * d, n);
        });
      }
    });
    for (double* one : results) long_rows.gather(one);
  };
  const auto moments = [&](int64_t c) {
    const double first = totals[c] / rows, second = totals[wide + c] / rows;
    return std::pair<double, double>(first, std::max(0.0, second - first * first));
  };
  sum();
  // where the first row is more than FAR standard deviations from the mean, digits are lost: again, about the mean
  constexpr double FAR = 5;
  bool again = false;
  for (int64_t c = 0; c < columns; c++) {
    const auto [first, spread] = moments(c);
    if (first * first <= FAR * FAR * spread) continue;
    center[c] += static_cast<float>(first);
    again = again || first != 0;
  }
  if (again) sum();
  for (int64_t c = 0; c < columns; c++) {
    const auto [first, spread] = moments(c);
    mean.data[c] = static_cast<float>(center[c] + first);
    variance.data[c] = static_cast<float>(spread * rows / std::max<int64_t>(1, rows - 1));
    inverse.data[c] = static_cast<float>(1 / std::sqrt(spread + attributes.first));
    scale[c] = gamma.data[c] * inverse.data[c];
    offset[c] = static_cast<float>(beta.data[c] - first * scale[c]);
  }
  const std::vector<float> scales = long_rows.repeated(scale.data()), offsets = long_rows.repeated(offset.data());
  by_rows(tall, wide, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * wide;
      along(wide, [&](int64_t c, int n) {
        V v = (LOAD(x.data + at + c) - LOAD(centers.data() + c)) * LOAD(scales.data() + c) + LOAD(offsets.data() + c);
        if (residual.size > 0) v += LOAD(residual.data + at + c);
        if (relu) v = v < 0.0f ? V{} : v;
        STORE(y.data + at + c, v);
      });
    }
  });
}

// With g = dy, or after a ReLU dy where y > 0 (y is empty without one), and h the normalized x: dx = gamma inverse (g -
// mean(g) - h mean(g h)); by gamma the sums of g h, by beta of g, and by a residual, if asked for, g.
void batch_norm_gradient(Call& call, const Attributes& attributes) {
  View dy = call.input(0), x = call.input(1), y = call.input(2), gamma = call.input(3), mean = call.input(4),
       inverse = call.input(5);
  const int64_t columns = x.columns(), rows = x.rows();
  call.require(dy.size == x.size && (y.size == 0 || y.size == x.size), "batch norm: shapes differ");
  call.require(gamma.size == columns && mean.size == columns && inverse.size == columns,
               "batch norm: one value for each channel is expected");
  const bool wanted = attributes.second != 0, relu = y.size > 0;
  View dx = call.output(0, x.dims), dgamma = call.output(1, {columns}), dbeta = call.output(2, {columns});
  View dresidual = call.output(3, wanted ? x.dims : Dims{0});
  if (!call.ok()) return;
  const Rows long_rows(rows, columns);
  const int64_t tall = long_rows.rows, wide = long_rows.columns;
  const std::vector<float> means = long_rows.repeated(mean.data);
  std::vector<double> totals(2 * wide);
  double* const results[2] = {totals.data(), totals.data() + wide};
  with_exact_sums(tall, wide, 2, results, [&](int64_t begin, int64_t end, float* sums) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * wide;
      along(wide, [&](int64_t c, int n) {
        V g = LOAD(dy.data + at + c);
        if (relu) g = LOAD(y.data + at + c) > 0.0f ? g : V{};
        add_to(sums + c, g, n);
        add_to(sums + wide + c, g * (LOAD(x.data + at + c) - LOAD(means.data() + c)), n);
      });
    }
  });
  for (double* one : results) long_rows.gather(one);
  std::vector<float> scale(columns), slope(columns), offset(columns);
  for (int64_t c = 0; c < columns; c++) {
    const double share = inverse.data[c], spread = totals[wide + c] * share, factor = gamma.data[c] * share;
    dbeta.data[c] = static_cast<float>(totals[c]);
    dgamma.data[c] = static_cast<float>(spread);
    scale[c] = static_cast<float>(factor);
    slope[c] = static_cast<float>(-factor * share * spread / rows);
    offset[c] = static_cast<float>(-factor * totals[c] / rows);
  }
  const std::vector<float> scales = long_rows.repeated(scale.data()), slopes = long_rows.repeated(slope.data()),
                           offsets = long_rows.repeated(offset.data());
  by_rows(tall, wide, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * wide;
      along(wide, [&](int64_t c, int n) {
        V g = LOAD(dy.data + at + c);
        if (relu) g = LOAD(y.data + at + c) > 0.0f ? g : V{};
        STORE(dx.data + at + c, g * LOAD(scales.data() + c) +
                                    (LOAD(x.data + at + c) - LOAD(means.data() + c)) * LOAD(slopes.data() + c) +
                                    LOAD(offsets.data() + c));
        if (wanted) {
          STORE(dresidual.data + at + c, g);
        }
      });
    }
  });
}

}  // namespace
