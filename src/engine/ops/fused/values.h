// Values of a program, one by one. Each gives TensorFlow's own bits.
#pragma once
#include "instruction.h"

namespace {

// Values that TensorFlow takes at a time; those that are left at the end it takes one by one.
#if defined(__x86_64__)
constexpr int PACKET = 8;
#else
constexpr int PACKET = 4;
#endif

typedef uint32_t U __attribute__((vector_size(W * 4)));

inline float root(float x) { return std::sqrt(x); }

// Whole numbers travel as the bits of floats. A sum that is too large wraps around.
template <typename F>
struct Whole {
  F of;
  V operator()(V a, V b) const { return (V)of((U)a, (U)b); }
  float operator()(float a, float b) const {
    uint32_t x, y;
    std::memcpy(&x, &a, sizeof x);
    std::memcpy(&y, &b, sizeof y);
    const uint32_t z = of(x, y);
    float bits;
    std::memcpy(&bits, &z, sizeof z);
    return bits;
  }
  float last(float a, float b) const { return (*this)(a, b); }
};

template <typename F>
struct Floats {
  F of;
  V operator()(V a, V b) const { return of(a, b); }
  float operator()(float a, float b) const { return of(a, b); }
  float last(float a, float b) const { return of(a, b); }
};

// 1, which the compiler does not know.
inline float one() {
  float value = 1;
  asm("" : "+m"(value));
  return value;
}

// The smaller or larger of two; what is no number stays, and tiny numbers are 0 (as they are where one is multiplied).
// Of 0 and -0 TensorFlow takes the second, of those that it takes one by one the first.
template <typename F>
struct Extreme {
  F before;
  float factor = one();
  V operator()(V a, V b) const { return (a != a ? a : before(a, b) ? a : b) * factor; }
  float operator()(float a, float b) const { return (a != a || before(a, b) ? a : b) * factor; }
  float last(float a, float b) const { return (b != b || before(b, a) ? b : a) * factor; }
};

// `of` for n values of two operands, each of which has one value for all or one for each.
template <typename F>
void by_values(int64_t n, const float* a, bool a_each, const float* b, bool b_each, float* to, const F& of) {
  const int64_t whole = n - n % W, packets = n - n % PACKET;
  int64_t i = 0;
  if (a_each && b_each)
    for (; i < whole; i += W) store(to + i, of(load(a + i), load(b + i)));
  else if (a_each)
    for (const V all = splat(*b); i < whole; i += W) store(to + i, of(load(a + i), all));
  else if (b_each)
    for (const V all = splat(*a); i < whole; i += W) store(to + i, of(all, load(b + i)));
  else
    for (const V all = of(splat(*a), splat(*b)); i < whole; i += W) store(to + i, all);
  const int64_t a_step = a_each, b_step = b_each;
  for (; i < packets; i++) to[i] = of(a[i * a_step], b[i * b_step]);
  for (; i < n; i++) to[i] = of.last(a[i * a_step], b[i * b_step]);
}

// Values of two inputs, with axes of length 1 as often as the other's: sizes are a loop over both.
template <typename F>
void of_two(const Instruction& self, const F& of) {
  const float *a = self.inputs[0]->view.data, *b = self.inputs[1]->view.data;
  float* const to = self.outputs[0]->made().data;
  const Loop loop(self.sizes.data(), 2);
  const int64_t n = loop.inner(), a_step = loop.step(0), b_step = loop.step(1);
  if (loop.rows == 1)
    return in_parts(n, 1, [&](int64_t begin, int64_t end) {
      by_values(end - begin, a + begin * a_step, a_step != 0, b + begin * b_step, b_step != 0, to + begin, of);
    });
  in_parts(loop.rows, n, [&](int64_t begin, int64_t end) {
    loop.each(begin, end, [&](int64_t row, const int64_t* at) {
      by_values(n, a + at[0], a_step != 0, b + at[1], b_step != 0, to + row * n, of);
    });
  });
}

// Values of one input.
template <typename F>
void of_one(const Instruction& self, const F& of) {
  const float* const from = self.inputs[0]->view.data;
  const View& to = self.outputs[0]->made();
  in_parts(to.size, 1, [&](int64_t begin, int64_t end) {
    along(end - begin, [&](int64_t c, int n) { STORE(to.data + begin + c, of(LOAD(from + begin + c))); });
  });
}

#define OF_TWO(name, kind, expression) \
  void name(Call&, const Instruction& self) { \
    const auto of = [](auto a, auto b) { return expression; }; \
    of_two(self, kind<decltype(of)>{of}); \
  }
OF_TWO(add, Floats, a + b)
OF_TWO(subtract, Floats, a - b)
OF_TWO(multiply_values, Floats, a * b)
OF_TWO(divide, Floats, a / b)
OF_TWO(squared_difference, Floats, (a - b) * (a - b))
OF_TWO(minimum, Extreme, a < b)
OF_TWO(maximum, Extreme, a > b)
OF_TWO(add_whole, Whole, a + b)
OF_TWO(subtract_whole, Whole, a - b)
OF_TWO(multiply_whole, Whole, a * b)
#undef OF_TWO

void square_root(Call&, const Instruction& self) {
  of_one(self, [](V v) { return root(v); });
}

void square(Call&, const Instruction& self) {
  of_one(self, [](V v) { return v * v; });
}

void negative(Call&, const Instruction& self) {
  of_one(self, [](V v) { return -v; });
}

// Whole numbers as floats.
void floats(Call&, const Instruction& self) {
  of_one(self, [](V v) { return __builtin_convertvector((I)v, V); });
}

// Sums of as many inputs as there are, in TensorFlow's order: the first ones, then eight at a time, added up first.
void add_all(Call&, const Instruction& self) {
  const size_t count = self.inputs.size(),
               first = count < 2 || count % 8 > 1 ? std::min<size_t>(count, count % 8) : count % 8 + 8;
  const View& to = self.outputs[0]->made();
  in_parts(to.size, 1, [&](int64_t begin, int64_t end) {
    along(end - begin, [&](int64_t c, int n) {
      const auto term = [&](size_t i) {
        const float* const from = self.inputs[i]->view.data + begin + c;
        return LOAD(from);
      };
      V sum = term(0);
      size_t i = 1;
      for (; i < first; i++) sum += term(i);
      while (i < count) {
        V eight = term(i);
        for (const size_t stop = i++ + 8; i < stop; i++) eight += term(i);
        sum += eight;
      }
      STORE(to.data + begin + c, sum);
    });
  });
}

// Sums over the first axis of [rows, columns], as TensorFlow has them: from 16 rows on four at a time, in columns that
// it takes as packets. sizes: rows, columns, and 1 for means.
void sum_columns(Call&, const Instruction& self) {
  const int64_t rows = self.sizes[0], columns = self.sizes[1], packets = columns - columns % PACKET;
  const float* const from = self.inputs[0]->view.data;
  float* const to = self.outputs[0]->made().data;
  const int64_t fours = rows < 16 ? 0 : rows - rows % 4;
  along(packets, [&](int64_t c, int n) {
    const auto at = [&](int64_t row) { return LOAD(from + row * columns + c); };
    V sums[4] = {};
    for (int64_t row = 0; row < fours; row += 4)
      for (int i = 0; i < 4; i++) sums[i] += at(row + i);
    V all = sums[0] + sums[1] + sums[2] + sums[3];
    for (int64_t row = fours; row < rows; row++) all += at(row);
    STORE(to + c, all);
  });
  for (int64_t c = packets; c < columns; c++) {
    float all = 0;
    for (int64_t row = 0; row < rows; row++) all += from[row * columns + c];
    to[c] = all;
  }
  if (self.sizes[2] == 1)
    for (int64_t c = 0; c < columns; c++) to[c] /= static_cast<float>(rows);
}

// Sums over the last axis of [rows, columns], as TensorFlow has them: four packets at a time, and what is left of a row
// by itself. sizes: rows, columns, and 1 for means.
void sum_rows(Call&, const Instruction& self) {
  typedef float P __attribute__((vector_size(PACKET * 4)));
  const int64_t rows = self.sizes[0], columns = self.sizes[1];
  const float* const from = self.inputs[0]->view.data;
  float* const to = self.outputs[0]->made().data;
  const int64_t fours = columns - columns % (4 * PACKET), packets = columns - columns % PACKET;
  in_parts(rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* const values = from + row * columns;
      const auto at = [&](int64_t c) {
        P packet;
        std::memcpy(&packet, values + c, sizeof packet);
        return packet;
      };
      P sums[4] = {};
      for (int64_t c = 0; c < fours; c += 4 * PACKET)
        for (int i = 0; i < 4; i++) sums[i] += at(c + i * PACKET);
      P all = sums[0] + sums[1] + sums[2] + sums[3];
      for (int64_t c = fours; c < packets; c += PACKET) all += at(c);
      float rest = 0;
      for (int64_t c = packets; c < columns; c++) rest += values[c];
      // halves of what is left are added until one value is
      for (int half = PACKET / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) all[i] += all[i + half];
      to[row] = rest + all[0];
      if (self.sizes[2] == 1) to[row] /= static_cast<float>(columns);
    }
  });
}

}  // namespace
