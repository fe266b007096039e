// Losses, and their gradients: cross-entropy and divergence over the last axis, squared error.
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
  V values(int64_t at, int64_t c, int n) const {
    return shift == nullptr ? LOAD(data + at + c) : LOAD(data + at + c) + LOAD(shift + c);
  }
  V values_or_low(int64_t at, int64_t c, int n) const {
    const V v = load_or_low(data + at + c, n);
    return shift == nullptr ? v : v + LOAD(shift + c);
  }
  float value(int64_t at, int64_t c) const { return shift == nullptr ? data[at + c] : data[at + c] + shift[c]; }
};

Logits logits_of(Call& call, const View& logits, const View& shift) {
  call.require(shift.size == 0 || shift.size == logits.columns(),
               "cross-entropy: one shift is expected for each column");
  return {logits.data, shift.size == 0 ? nullptr : shift.data};
}

// Logits and a temperature, as softmax sees them. Of each row the maximum, and log sum exp((z - maximum) / T).
struct Law {
  Logits z;
  float inverse;  // 1 / T
  int64_t columns;
  float top = 0, log = 0;

  V log_probability(int64_t at, int64_t c, int n) const { return (z.values(at, c, n) - top) * inverse - log; }
  void enter(int64_t at) {
    V tops = splat(-std::numeric_limits<float>::infinity());
    along(columns, [&](int64_t c, int n) {
      const V v = z.values_or_low(at, c, n);
      tops = v > tops ? v : tops;
    });
    top = tops[0];
    for (int w = 1; w < W; w++) top = std::max(top, tops[w]);
    V total = {};
    along(columns, [&](int64_t c, int n) { total += exp_negative((z.values_or_low(at, c, n) - top) * inverse); });
    log = std::log(sum(total));
  }
};

// -sum t log softmax(z), a mean over the rows; and of each row its maximum, then, after all maxima,
// log sum exp(z - maximum).
void cross_entropy(Call& call, const Attributes&) {
  View logits = call.input(0), given = call.input(1);
  const Logits z = logits_of(call, logits, call.input(2));
  const Targets targets = targets_of(call, logits, given);
  const int64_t rows = logits.rows(), columns = logits.columns();
  View loss = call.output(0, {}), norms = call.output(1, {2 * rows});
  if (!call.ok()) return;
  std::vector<double> losses(static_cast<size_t>(rows));
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    Law law{z, 1, columns};
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      law.enter(at);
      norms.data[row] = law.top;
      norms.data[rows + row] = law.log;
      if (targets.labels) {
        const int64_t label = targets.label(row);
        losses[row] = label >= 0 ? -((z.value(at, label) - law.top) - law.log) : 0 * law.log;  // NaN stays NaN
        continue;
      }
      V product = {};
      along(columns, [&](int64_t c, int n) { product += LOAD(targets.data + at + c) * law.log_probability(at, c, n); });
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
        along(columns,
              [&](int64_t c, int n) { STORE(to + c, exp_negative((z.values(at, c, n) - top) - log) * scale); });
        if (label >= 0) to[label] = (exp_negative(splat((z.value(at, label) - top) - log))[0] - 1) * share;
        continue;
      }
      const float* t = targets.data + at;
      V weights = {};
      along(columns, [&](int64_t c, int n) { weights += LOAD(t + c); });
      const float weight = sum(weights);
      along(columns, [&](int64_t c, int n) {
        STORE(to + c, (exp_negative((z.values(at, c, n) - top) - log) * weight - LOAD(t + c)) * share);
      });
    }
  });
}

// T^2 KL(teacher || student) of softmax(z / T), a mean over the rows, T being the first number; and of each row what a
// law has of it: all of the student's maxima, then all logs, then the same of the teacher's.
void divergence(Call& call, const Attributes& attributes) {
  View student = call.input(0), teacher = call.input(1);
  const Law law{logits_of(call, student, call.input(2)), 1 / attributes.first, student.columns()};
  const Law other{logits_of(call, teacher, call.input(3)), 1 / attributes.first, student.columns()};
  const int64_t rows = student.rows(), columns = student.columns();
  call.require(columns > 0 && teacher.size == student.size && teacher.columns() == columns,
               "divergence: shapes differ");
  View loss = call.output(0, {}), norms = call.output(1, {4 * rows});
  if (!call.ok()) return;
  std::vector<double> losses(static_cast<size_t>(rows));
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    Law mine = law, theirs = other;
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      mine.enter(at);
      theirs.enter(at);
      const float numbers[4] = {mine.top, mine.log, theirs.top, theirs.log};
      for (int i = 0; i < 4; i++) norms.data[i * rows + row] = numbers[i];
      V total = {};
      along(columns, [&](int64_t c, int n) {
        const V log = theirs.log_probability(at, c, n);
        V term = exp_negative(log) * (log - mine.log_probability(at, c, n));
        for (int w = n; w < W; w++) term[w] = 0;
        total += term;
      });
      losses[row] = sum(total);
    }
  });
  double total = 0;
  for (double one : losses) total += one;
  *loss.data = static_cast<float>(total / static_cast<double>(rows)) * (attributes.first * attributes.first);
}

// By the student's logits: T (softmax(student / T) - softmax(teacher / T)) dy / rows.
void divergence_gradient(Call& call, const Attributes& attributes) {
  View dy = call.input(0), student = call.input(1), teacher = call.input(2), norms = call.input(3);
  const Law law{logits_of(call, student, call.input(4)), 1 / attributes.first, student.columns()};
  const Law other{logits_of(call, teacher, call.input(5)), 1 / attributes.first, student.columns()};
  const int64_t rows = student.rows(), columns = student.columns();
  call.require(dy.size == 1 && teacher.size == student.size && norms.size == 4 * rows, "divergence: shapes differ");
  View dz = call.output(0, student.dims);
  if (!call.ok()) return;
  const float share = *dy.data / static_cast<float>(rows) * attributes.first;
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    Law mine = law, theirs = other;
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      mine.top = norms.data[row];
      mine.log = norms.data[rows + row];
      theirs.top = norms.data[2 * rows + row];
      theirs.log = norms.data[3 * rows + row];
      along(columns, [&](int64_t c, int n) {
        STORE(dz.data + at + c,
              (exp_negative(mine.log_probability(at, c, n)) - exp_negative(theirs.log_probability(at, c, n))) * share);
      });
    }
  });
}

// |a - b|^2 over what it is measured in: the number of values, or, where the first number is not 0, |b|^2; and that.
void squared_error(Call& call, const Attributes& attributes) {
  View a = call.input(0), b = call.input(1);
  call.require(a.size == b.size, "squared error: shapes differ");
  View loss = call.output(0, {}), unit = call.output(1, {});
  if (!call.ok()) return;
  const bool relative = attributes.first != 0;
  const int64_t parts = (a.size + PART - 1) / PART;
  std::vector<double> errors(static_cast<size_t>(parts)), squares(static_cast<size_t>(parts));
  by_rows(a.size, 1, [&](int64_t begin, int64_t end) {
    V error = {}, square = {};
    along(end - begin, [&](int64_t c, int n) {
      const V v = LOAD(b.data + begin + c), difference = LOAD(a.data + begin + c) - v;
      error += difference * difference;
      if (relative) square += v * v;
    });
    errors[begin / PART] = sum(error);
    squares[begin / PART] = sum(square);
  });
  double error = 0, square = 0;
  for (double part : errors) error += part;
  for (double part : squares) square += part;
  *unit.data = relative ? static_cast<float>(square) : static_cast<float>(a.size);
  *loss.data = static_cast<float>(error) / *unit.data;
}

// By a: 2 (a - b) dy / unit.
void squared_error_gradient(Call& call, const Attributes&) {
  View dy = call.input(0), a = call.input(1), b = call.input(2), unit = call.input(3);
  call.require(a.size == b.size && dy.size == 1 && unit.size == 1, "squared error: shapes differ");
  View da = call.output(0, a.dims);
  if (!call.ok()) return;
  const float share = 2 * *dy.data / *unit.data;
  by_rows(a.size, 1, [&](int64_t begin, int64_t end) {
    along(end - begin, [&](int64_t c, int n) {
      STORE(da.data + begin + c, (LOAD(a.data + begin + c) - LOAD(b.data + begin + c)) * share);
    });
  });
}

}  // namespace
