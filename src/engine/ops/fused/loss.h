// Cross-entropy over the last axis, and its gradient.
#pragma once
#include <limits>

#include "call.h"
#include "threads.h"

namespace {

// What the rows of logits are compared with: a probability for each of their values, or, with an axis less, the number
// of the one that is right. A row whose number is none of its values has no target at all.
struct Targets {
  const float* data;
  bool labels;
  int64_t columns;

  // The label of a row; -1 where it has none.
  int64_t label(int64_t row) const {
    const float value = data[row];
    return value >= 0 && value < static_cast<float>(columns) ? static_cast<int64_t>(value) : -1;
  }
};

Targets targets_of(Call& call, const View& logits, const View& targets) {
  const bool labels = targets.dims.size() + 1 == logits.dims.size();
  call.require(logits.columns() > 0 && (labels ? targets.size == logits.rows() : targets.size == logits.size),
               "cross-entropy: one target is expected for each row, or for each value of a row");
  return {targets.data, labels, logits.columns()};
}

// The vector of the n values at p, the rest of it below any value.
inline V load_or_low(const float* p, int n) {
  if (n == W) return load(p);
  V v = splat(-std::numeric_limits<float>::infinity());
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}

// Logits, to which a number is added for each column, where there are such numbers.
struct Logits {
  const float* data;
  const float* shift;

  // A vector of a row that begins at `at`, its values beyond n being 0, or below any value.
  V values(int64_t at, int64_t c, int n) const { return shift == nullptr ? LOAD(data + at + c) : LOAD(data + at + c) + LOAD(shift + c); }
  V values_or_low(int64_t at, int64_t c, int n) const {
    const V v = load_or_low(data + at + c, n);
    return shift == nullptr ? v : v + LOAD(shift + c);
  }
  float value(int64_t at, int64_t c) const { return shift == nullptr ? data[at + c] : data[at + c] + shift[c]; }
};

Logits logits_of(Call& call, const View& logits, const View& shift) {
  call.require(shift.size == 0 || shift.size == logits.columns(), "cross-entropy: one shift is expected for each column");
  return {logits.data, shift.size == 0 ? nullptr : shift.data};
}

// -sum t log softmax(z), a mean over the rows; and of each row its maximum, then, after all maxima, log sum exp(z - maximum).
void cross_entropy(Call& call, const Attributes&) {
  View logits = call.input(0), given = call.input(1);
  const Logits z = logits_of(call, logits, call.input(2));
  const Targets targets = targets_of(call, logits, given);
  const int64_t rows = logits.rows(), columns = logits.columns();
  View loss = call.output(0, {}), norms = call.output(1, {2 * rows});
  if (!call.ok()) return;
  std::vector<double> losses(static_cast<size_t>(rows));
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      V tops = splat(-std::numeric_limits<float>::infinity());
      along(columns, [&](int64_t c, int n) {
        const V v = z.values_or_low(at, c, n);
        tops = v > tops ? v : tops;
      });
      float top = tops[0];
      for (int w = 1; w < W; w++) top = std::max(top, tops[w]);
      V total = {};
      along(columns, [&](int64_t c, int n) { total += exp_negative(z.values_or_low(at, c, n) - top); });
      const float log = std::log(sum(total));
      norms.data[row] = top;
      norms.data[rows + row] = log;
      if (targets.labels) {
        const int64_t label = targets.label(row);
        losses[row] = label >= 0 ? -((z.value(at, label) - top) - log) : 0 * log;  // NaN stays NaN
        continue;
      }
      V product = {};
      along(columns, [&](int64_t c, int n) { product += LOAD(targets.data + at + c) * ((z.values(at, c, n) - top) - log); });
      losses[row] = -sum(product);
    }
  });
  double total = 0;
  for (double one : losses) total += one;
  *loss.data = static_cast<float>(total / static_cast<double>(rows));
}

// By the logits: (softmax(z) sum t - t) dy / rows.
void cross_entropy_gradient(Call& call, const Attributes&) {
  View dy = call.input(0), logits = call.input(1), given = call.input(2), norms = call.input(3);
  const Logits z = logits_of(call, logits, call.input(4));
  const Targets targets = targets_of(call, logits, given);
  const int64_t rows = logits.rows(), columns = logits.columns();
  call.require(dy.size == 1 && norms.size == 2 * rows, "cross-entropy: shapes differ");
  View dz = call.output(0, logits.dims);
  if (!call.ok()) return;
  const float share = *dy.data / static_cast<float>(rows);
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      const float top = norms.data[row], log = norms.data[rows + row];
      float* to = dz.data + at;
      if (targets.labels) {
        const int64_t label = targets.label(row);
        const float scale = label >= 0 ? share : 0 * share;
        along(columns, [&](int64_t c, int n) { STORE(to + c, exp_negative((z.values(at, c, n) - top) - log) * scale); });
        if (label >= 0) to[label] = (exp_negative(splat((z.value(at, label) - top) - log))[0] - 1) * share;
        continue;
      }
      const float* t = targets.data + at;
      V weights = {};
      along(columns, [&](int64_t c, int n) { weights += LOAD(t + c); });
      const float weight = sum(weights);
      along(columns, [&](int64_t c, int n) { STORE(to + c, (exp_negative((z.values(at, c, n) - top) - log) * weight - LOAD(t + c)) * share); });
    }
  });
}

}  // namespace
