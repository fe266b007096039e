// Vectors of float32, of whatever instructions the machine has.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

namespace {

// Values of a vector: as many as one register has. Wider ones go through memory (a tile of attention.h runs at a tenth
// of its speed).
#if defined(__AVX512F__)
constexpr int W = 16;
#elif defined(__AVX__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif
typedef float V __attribute__((vector_size(W * 4)));
typedef int32_t I __attribute__((vector_size(W * 4)));

inline V splat(float x) { return x - V{}; }
inline V load(const float* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, V v) { std::memcpy(p, &v, sizeof v); }
// The first n of a vector; the others are 0.
inline V load(const float* p, int n) {
  V v = {};
  std::memcpy(&v, p, n * sizeof(float));
  return v;
}
inline void store(float* p, V v, int n) { std::memcpy(p, &v, n * sizeof(float)); }
inline float sum(V v) {
  float s = 0;
  for (int w = 0; w < W; w++) s += v[w];
  return s;
}

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define GOWIDE_SHUFFLES
#endif
#endif

#if defined(GOWIDE_SHUFFLES)
// Values 0 to 2 W - 1 are those of a and b: each `width` of a is followed by as many of b, from the half of both that
// `high` says.
template <int width, bool high, int... I>
inline V braided(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b,
                                 (I / width % 2 * W + I / (2 * width) * 2 * width + I % width + (high ? width : 0))...);
}

// One step of turning a square of W by W values: blocks of `width` by `width` change their places.
template <int width>
inline void turn(V (&rows)[W]) {
  constexpr auto all = std::make_integer_sequence<int, W>{};
#pragma GCC unroll 16
  for (int i = 0; i < W; i++) {
    if (i & width) continue;
    const V a = rows[i], b = rows[i + width];
    rows[i] = braided<width, false>(a, b, all);
    rows[i + width] = braided<width, true>(a, b, all);
  }
  if constexpr (width > 1) turn<width / 2>(rows);
}
#endif

// The sum of each of W vectors, whose values are lost. It has the order of `sum`, but W chains go side by side.
inline V sums_of(V (&vectors)[W]) {
  V total = {};
#if defined(GOWIDE_SHUFFLES)
  turn<W / 2>(vectors);
#pragma GCC unroll 16
  for (int i = 0; i < W; i++) total += vectors[i];
#else
  for (int i = 0; i < W; i++) total[i] = sum(vectors[i]);
#endif
  return total;
}

// The largest value of each of W vectors, whose values are lost; none of them is NaN.
inline V maxima_of(V (&vectors)[W]) {
#if defined(GOWIDE_SHUFFLES)
  turn<W / 2>(vectors);
  V most = vectors[0];
#pragma GCC unroll 16
  for (int i = 1; i < W; i++) most = vectors[i] > most ? vectors[i] : most;
#else
  V most;
  for (int i = 0; i < W; i++) {
    most[i] = vectors[i][0];
    for (int w = 1; w < W; w++) most[i] = vectors[i][w] > most[i] ? vectors[i][w] : most[i];
  }
#endif
  return most;
}

inline V root(V v) {
  float values[W];
  store(values, v);
  for (int w = 0; w < W; w++) values[w] = std::sqrt(values[w]);
  return load(values);
}

// Calls body(offset, n) for every vector of a row; n is W but for the last one. Inlined twice, so that whole vectors
// have a fixed size and constants stay in registers.
template <typename F>
[[gnu::flatten]] inline void along(int64_t columns, F body) {
  int64_t c = 0;
  for (; c + W <= columns; c += W) body(c, W);
  if (c < columns) body(c, static_cast<int>(columns - c));
}
#define LOAD(p) (n == W ? load(p) : load(p, n))
#define STORE(p, v) \
  if (n == W) store(p, v); \
  else store(p, v, n)

// exp(x) for x <= 0; 0 below -86, where float32 ends. Cephes' polynomial.
inline V exp_negative(V x) {
  constexpr float MAGIC = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits
  V magic = x * static_cast<float>(1 / M_LN2) + MAGIC;
  V whole = magic - MAGIC;
  V r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
  V p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  V y = (V)((I)p + ((I)magic << 23));
  y = x < -86.0f ? V{} : y;
  return x == x ? y : x;
}

// exp(v^2) erfc(v) for 0 <= v <= 9.5, as a polynomial in (v - 3) / (v + 3), highest power first: Chebyshev fit, within
// 2e-9.
const float ERFCX[11] = {5.62653281e-05f,  2.94275404e-05f,  -5.94772016e-04f, 7.15153436e-04f,
                         4.26884809e-03f,  -2.43940409e-02f, 7.16658849e-02f,  -1.50115805e-01f,
                         2.45603796e-01f,  -3.26233563e-01f, 1.79001151e-01f};

// For vectors side by side: a chain of sums is longer than the processor looks ahead.
template <int N>
struct Normal {
  V below[N];  // Phi(u)
  V gauss[N];  // exp(-u^2 / 2)
};

template <int N>
inline Normal<N> normal(const V (&u)[N]) {
  Normal<N> law;
  V t[N], q[N];
  for (int i = 0; i < N; i++) {
    law.gauss[i] = exp_negative(u[i] * u[i] * -0.5f);
    const V v = (V)((I)u[i] & 0x7fffffff) * static_cast<float>(M_SQRT1_2), far = splat(9.5f), near = far < v ? far : v;
    t[i] = (near - 3.0f) / (near + 3.0f);
    q[i] = splat(0.5f * ERFCX[0]);  // half of it, as the tail has
  }
  for (int k = 1; k < 11; k++)
    for (int i = 0; i < N; i++) q[i] = q[i] * t[i] + 0.5f * ERFCX[k];
  for (int i = 0; i < N; i++) {
    V tail = q[i] * law.gauss[i];
    law.below[i] = u[i] < 0.0f ? tail : 1.0f - tail;
  }
  return law;
}

}  // namespace
