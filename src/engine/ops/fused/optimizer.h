// Steps of optimizers, in the memory of the parameters and of the optimizer's state: each value is read and written
// once.
#pragma once
#include "call.h"
#include "threads.h"

namespace {

// The gradient's factor, and where the weight decay applies: one number each, or one for every value.
struct Share {
  const float* data;
  bool one;
};

Share share_of(Call& call, const View& view, int64_t size) {
  call.require(view.size == 1 || view.size == size, "optimiser: one factor, or one for each value, is expected");
  return {view.data, view.size == 1};
}

// v = momentum v + factor g + decay p; p = p - rate v.  numbers: rate, momentum.
void sgd(Call& call, const Attributes&) {
  View p = call.input(0), v = call.input(1), g = call.input(2), factor = call.input(3), decay = call.input(4),
       numbers = call.input(5);
  call.require(v.size == p.size && g.size == p.size && factor.size == 1 && numbers.size == 2,
               "optimiser: shapes differ");
  const Share pull = share_of(call, decay, p.size);
  if (!call.ok()) return;
  const float scale = *factor.data, rate = numbers.data[0], momentum = numbers.data[1];
  by_rows(p.size, 1, [&](int64_t begin, int64_t end) {
    along(end - begin, [&](int64_t c, int n) {
      const int64_t at = begin + c;
      const V weight = LOAD(p.data + at);
      const V moved = momentum * LOAD(v.data + at) + scale * LOAD(g.data + at) +
                      (pull.one ? splat(*pull.data) : LOAD(pull.data + at)) * weight;
      STORE(v.data + at, moved);
      STORE(p.data + at, weight - rate * moved);
    });
  });
}

// With the gradient h = factor g: m = beta1 m + (1 - beta1) h; v = beta2 v + (1 - beta2) h^2; p = (1 - decay) p - rate
// m / (sqrt(v) + epsilon). numbers: rate and epsilon after the corrections of the means, beta1, 1 - beta1, beta2, 1 -
// beta2 (here they would lose digits), and a factor on every decay; others are not read.
void adamw(Call& call, const Attributes&) {
  View p = call.input(0), m = call.input(1), v = call.input(2), g = call.input(3), factor = call.input(4),
       decay = call.input(5), numbers = call.input(6);
  call.require(m.size == p.size && v.size == p.size && g.size == p.size && factor.size == 1 && numbers.size >= 7,
               "optimiser: shapes differ");
  const Share pull = share_of(call, decay, p.size);
  if (!call.ok()) return;
  const float scale = *factor.data, rate = numbers.data[0], epsilon = numbers.data[1], *beta = numbers.data + 2,
              strength = numbers.data[6];
  by_rows(p.size, 1, [&](int64_t begin, int64_t end) {
    along(end - begin, [&](int64_t c, int n) {
      const int64_t at = begin + c;
      const V gradient = scale * LOAD(g.data + at), weight = LOAD(p.data + at);
      const V mean = beta[0] * LOAD(m.data + at) + beta[1] * gradient,
              square = beta[2] * LOAD(v.data + at) + beta[3] * gradient * gradient;
      STORE(m.data + at, mean);
      STORE(v.data + at, square);
      STORE(p.data + at, weight - (pull.one ? splat(*pull.data) : LOAD(pull.data + at)) * strength * weight -
                             rate * mean / (root(square) + epsilon));
    });
  });
}

// The sum of squares, part by part; with a limit what brings the norm, its root, down to that, or 1.
void square_sum(Call& call, const Attributes& attributes) {
  View x = call.input(0);
  View y = call.output(0, {});
  if (!call.ok()) return;
  const int64_t parts = (x.size + PART - 1) / PART;
  std::vector<double> partial(static_cast<size_t>(parts));
  by_rows(x.size, 1, [&](int64_t begin, int64_t end) {
    V total = {};
    along(end - begin, [&](int64_t c, int n) {
      const V v = LOAD(x.data + begin + c);
      total += v * v;
    });
    partial[begin / PART] = sum(total);
  });
  double total = 0;
  for (double part : partial) total += part;
  *y.data = static_cast<float>(total);
  if (attributes.first == 0) return;
  const float factor = attributes.first / (std::sqrt(*y.data) + 1e-12f);
  *y.data = factor > 1 ? 1 : factor;
}

}  // namespace
