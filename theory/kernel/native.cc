// The fused float64 particle kernel, as a Node-API addon. What it computes, and why in this order: theory/README.md,
// "The kernel".
//
// Samples lie along the vectors. A tile of P particles meets all samples before the next tile is loaded, so that no
// array of (samples x particles) is ever stored. A layer is cut into chunks by its width alone; their sums are added in
// chunk order, so that results do not depend on the number of threads.
#include <node_api.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include <immintrin.h>
constexpr int W = 8;
#elif defined(__AVX__)
constexpr int W = 4;
#else
constexpr int W = 2;
#endif

namespace {

typedef double V __attribute__((vector_size(W * 8)));
typedef int64_t I __attribute__((vector_size(W * 8)));
constexpr int P = 8;  // particles in a tile

inline V splat(double x) { return x - V{}; }
inline V load(const double* p) {
  V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
inline void store(double* p, V v) { std::memcpy(p, &v, sizeof v); }
inline V fma(V a, V b, V c) { return a * b + c; }  // contracted where the machine has it
// The first argument's NaN stays: a net that has left float64 must show it.
inline V min(V a, V b) { return b < a ? b : a; }
inline V max(V a, V b) { return a < b ? b : a; }

// ---- exponential ----

// 1.5 * 2^52: adding it rounds to an integer, which then stands in the low bits
constexpr double MAGIC = 6755399441055744.0;
alignas(64) const double EXP2_16[16] = {
    1.0,
    1.0442737824274138,
    1.0905077326652577,
    1.1387886347566916,
    1.189207115002721,
    1.2418578120734840,
    1.2968395546510096,
    1.3542555469368927,
    1.4142135623730951,
    1.4768261459394993,
    1.5422108254079407,
    1.6104903319492543,
    1.6817928305074290,
    1.7562521603732995,
    1.8340080864093424,
    1.9152065613971472};

// 2^(k/16) for the k in the low bits of `magic`.
inline V exp2_sixteenths(V magic) {
  I bits = (I)magic;
#if defined(__AVX512F__) && defined(__AVX512DQ__)
  V table = (V)_mm512_permutex2var_pd(_mm512_load_pd(EXP2_16), (__m512i)bits, _mm512_load_pd(EXP2_16 + 8));
#else
  V table;
  for (int w = 0; w < W; w++) table[w] = EXP2_16[bits[w] & 15];
#endif
  return (V)((I)table + ((bits & ~(I{} + 15)) << 48));
}

// exp(x) - 1 = T p + (T - 1): returns T = 2^(k/16) and p = exp(r) - 1, with |r| <= ln 2 / 32; |x| <= 700.
struct Exp {
  V T, p;
};
inline Exp split_exp(V x) {
  V magic = fma(x, splat(16 / M_LN2), splat(MAGIC));
  V r = fma(magic - splat(MAGIC), splat(-M_LN2 / 16), x);
  V q = fma(r, splat(1.0 / 720), splat(1.0 / 120));
  q = fma(q, r, splat(1.0 / 24));
  q = fma(q, r, splat(1.0 / 6));
  q = fma(q, r, splat(0.5));
  return {exp2_sixteenths(magic), fma(q * r, r, r)};
}

// ---- activations: value and derivative ----

enum Activation { TANH = 0, ERF = 1, RELU = 2, GELU = 3, SILU = 4, IDENTITY = 5 };

struct Act {
  V value, derivative;
};

// exp(v^2) erfc(v) for v = |u| / sqrt 2 <= 7, as a polynomial in (v - 4) / (v + 4), highest power first: Chebyshev fit
// in 40 digits, within 1e-17 of erf.
const double ERFCX[18] = {-1.2140068001883917e-07, -7.808373710615394e-07,  -1.0153744772619783e-06,
                          2.519010648544198e-06,   -2.0452594552355553e-06, -2.2539412350958648e-05,
                          7.901696179479848e-05,   -2.175198397437387e-05,  -0.0007991278681566858,
                          0.004060262554084799,    -0.012843946137581977,   0.031299056558800505,
                          -0.06310781563230582,    0.1089631773983451,      -0.16425781669745593,
                          0.21871967891826705,     -0.25906804876017087,    0.13699945762506138};

// exp(u^2 / 2) erfc(|u| / sqrt 2); what lies beyond |u| = 9.9 is that of 9.9.
inline V erfcx_of(V u) {
  V v = min(max(u, -u) * M_SQRT1_2, splat(7.0));
  V t = (v - 4.0) / (v + 4.0);
  V q = splat(ERFCX[0]);
  for (int i = 1; i < 18; i++) q = fma(q, t, splat(ERFCX[i]));
  return q;
}

// erf(u / sqrt 2), with gauss = exp(-u^2 / 2).
inline V erf_of(V u, V gauss) {
  V r = 1.0 - erfcx_of(u) * gauss;
  return u < 0.0 ? -r : r;
}

// exp(-u^2 / 2)
inline V gauss_of(V u) {
  Exp e = split_exp(-min(u * u * 0.5, splat(690.0)));
  return fma(e.T, e.p, e.T);
}

template <int A>
inline Act activate(V u) {
  if (A == TANH) {
    V x = max(min(u + u, splat(60.0)), splat(-60.0));
    Exp e = split_exp(x);
    V t = fma(e.T, e.p, e.T - 1.0) / fma(e.T, e.p, e.T + 1.0);
    return {t, 1.0 - t * t};
  }
  if (A == ERF) {  // erf(u / sqrt 2)
    V gauss = gauss_of(u);
    return {erf_of(u, gauss), gauss * 0.7978845608028654};
  }
  if (A == GELU) {  // u Phi(u), Phi the normal distribution
    V gauss = gauss_of(u), tail = 0.5 * erfcx_of(u) * gauss;
    V phi = u < 0.0 ? tail : 1.0 - tail;
    // Beyond 40 the tails are below any number that matters, and would not be if u could outgrow them.
    V near = min(max(u, splat(-40.0)), splat(40.0));
    return {max(u, splat(-40.0)) * phi, fma(near, gauss * 0.3989422804014327, phi)};
  }
  if (A == SILU) {  // u / (1 + exp(-u))
    V near = max(min(u, splat(690.0)), splat(-690.0));
    Exp e = split_exp(near);
    V exp = fma(e.T, e.p, e.T), rest = 1.0 / (exp + 1.0), sigma = exp * rest;
    return {max(u, splat(-690.0)) * sigma, fma(near * rest, sigma, sigma)};
  }
  if (A == IDENTITY) return {u, splat(1.0)};
  return {max(u, splat(0.0)), u > 0.0 ? splat(1.0) : splat(0.0)};
}

// act'' at u, where `activate` gave `act`; 0 for relu, whose derivative jumps.
template <int A>
inline V curvature(V u, const Act& act) {
  if (A == TANH) return -2.0 * act.value * act.derivative;
  if (A == ERF) return -u * act.derivative;
  if (A == GELU) {
    V near = min(max(u, splat(-40.0)), splat(40.0));
    return fma(-near, near, splat(2.0)) * gauss_of(near) * 0.3989422804014327;
  }
  if (A == SILU) {
    V near = max(min(u, splat(690.0)), splat(-690.0));
    Exp e = split_exp(near);
    V exp = fma(e.T, e.p, e.T), rest = 1.0 / (exp + 1.0), sigma = exp * rest;
    return sigma * rest * fma(near, rest - sigma, splat(2.0));
  }
  return V{};
}

// ---- sums across a vector, for P of them at once ----

inline void sums(const V acc[P], double out[P]) {
#if defined(__AVX512F__) && defined(__AVX512DQ__)
  // Pairs, then pairs of pairs, then halves: every step adds two vectors that were dealt out of two.
  const auto deal = [](V a, V b, I first, I second) {
    return (V)_mm512_permutex2var_pd((__m512d)a, (__m512i)first, (__m512d)b) +
           (V)_mm512_permutex2var_pd((__m512d)a, (__m512i)second, (__m512d)b);
  };
  V s[4], t[2];
  for (int i = 0; i < 4; i++)
    s[i] = deal(acc[2 * i], acc[2 * i + 1], I{0, 8, 2, 10, 4, 12, 6, 14}, I{1, 9, 3, 11, 5, 13, 7, 15});
  for (int i = 0; i < 2; i++)
    t[i] = deal(s[2 * i], s[2 * i + 1], I{0, 1, 8, 9, 4, 5, 12, 13}, I{2, 3, 10, 11, 6, 7, 14, 15});
  store(out, deal(t[0], t[1], I{0, 1, 2, 3, 8, 9, 10, 11}, I{4, 5, 6, 7, 12, 13, 14, 15}));
#else
  for (int i = 0; i < P; i++) {
    double sum = 0;
    for (int w = 0; w < W; w++) sum += acc[i][w];
    out[i] = sum;
  }
#endif
}

// ---- threads: the caller works too; the others spin for a moment and then sleep ----

// Work of a job, in multiply-adds, below which it is done before another thread would have begun.
const int64_t LITTLE_WORK = 49152;

class Pool {
 public:
  explicit Pool(int threads) : shares_(new Share[threads]) {
    try {
      for (int t = 1; t < threads; t++) workers_.emplace_back([this, t] { serve(t); });
    } catch (...) {
      end();
      throw;
    }
  }
  ~Pool() { end(); }
  int size() const { return (int)workers_.size() + 1; }

  // Calls job(chunk, thread) for every chunk, in any order; `work` is that of all of them (see work_of). A thread
  // begins with the same chunks each time, so that the particles that it moved are still in its cache; when it is
  // through it takes what others have left. One that has not begun when all is taken, as on a busy machine, is not
  // waited for.
  template <class Job>
  void run(int chunks, int64_t work, Job&& job) {
    const int threads = std::min(size(), chunks);
    if (threads < 2 || work < LITTLE_WORK) {
      for (int chunk = 0; chunk < chunks; chunk++) job(chunk, 0);
      return;
    }
    job_ = job;
    for (int t = 0; t < size(); t++) {
      shares_[t].next = (int)((int64_t)chunks * std::min(t, threads) / threads);
      shares_[t].end = (int)((int64_t)chunks * std::min(t + 1, threads) / threads);
    }
    open_ = true;
    wake();
    take(0);
    // a worker that comes from now on sees that, or is seen to be inside
    open_ = false;
    for (unsigned spin = 0; inside_ > 0; spin++) {
      pause();
      if (spin % 4096 == 4095) std::this_thread::yield();
    }
  }

 private:
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  void end() {
    stop_ = true;
    wake();
    for (auto& worker : workers_) worker.join();
  }
  void wake() {
    round_++;
    if (sleeping_ > 0) {
      std::lock_guard<std::mutex> lock(mutex_);
      condition_.notify_all();
    }
  }
  void take(int thread) {
    for (int t = 0; t < size(); t++) {
      Share& share = shares_[(thread + t) % size()];
      for (int chunk; (chunk = share.next++) < share.end;) job_(chunk, thread);
    }
  }
  void serve(int thread) {
    for (unsigned seen = 0;;) {
      auto start = std::chrono::steady_clock::now();
      for (int spin = 0; round_.load(std::memory_order_acquire) == seen; spin++) {
        pause();
        if (spin % 256 == 255 && std::chrono::steady_clock::now() - start > std::chrono::microseconds(100)) {
          std::unique_lock<std::mutex> lock(mutex_);
          sleeping_++;
          condition_.wait(lock, [&] { return round_ != seen; });
          sleeping_--;
        }
      }
      seen = round_;
      if (stop_) return;
      inside_++;
      if (open_) take(thread);
      inside_--;
    }
  }

  struct alignas(128) Share {
    std::atomic<int> next{0};
    int end = 0;
  };
  std::unique_ptr<Share[]> shares_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable condition_;
  std::function<void(int, int)> job_;
  alignas(128) std::atomic<int> inside_{0};
  alignas(128) std::atomic<bool> open_{false};
  alignas(128) std::atomic<unsigned> round_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<bool> stop_{false};
};

// One for each JavaScript thread: a worker of Node has an addon of its own, and ends with it.
thread_local std::unique_ptr<Pool> pool;

// ---- buffers ----

class Buffer {  // aligned, zeroed
 public:
  explicit Buffer(size_t n) : data_(static_cast<double*>(::operator new[](n * 8 + 8, std::align_val_t(64)))) {
    std::memset(data_, 0, n * 8);
  }
  ~Buffer() { ::operator delete[](data_, std::align_val_t(64)); }
  Buffer(const Buffer&) = delete;
  double* data() { return data_; }
  operator double*() { return data_; }

 private:
  double* data_;
};

struct Layer {
  double *a, *b, *bias;
  int64_t m;
};

struct Shape {
  int d, n, padded;  // padded: n rounded up to whole vectors
  double alpha, c;
  int activation;
};
struct Net : Shape {
  std::vector<Layer> layers;
};

// Multiply-adds of a pass of m particles over all samples, of which an activation is worth some eight.
int64_t work_of(const Shape& net, int64_t m) { return m * net.padded * (net.d + 8); }

// Chunks of a layer: few enough that adding their sums costs little, as many as a large layer can use. A function of m
// alone.
int chunks_of(int64_t m) {
  int chunks = 1;
  while (chunks < 64 && (int64_t)chunks * chunks * 16 < m) chunks *= 2;
  return chunks;
}

// A net of few particles on many samples is cut by its samples instead: a slice of samples passes through all layers
// and back on one core, and only the sums of gradients travel. A function of the sizes alone, too; 1 stands for "cut by
// particles".
int slices_of(const Net& net) {
  for (const Layer& layer : net.layers)
    if (layer.m * (2 * net.d + 1) >= (int64_t)2 * net.padded * net.d) return 1;
  return std::max(1, std::min(16, net.padded / 128));
}

// Numbers that the gradient of a layer takes up in a slice's sums, with room up to a whole cache line.
size_t gradient_numbers(const Layer& layer, int d) { return (layer.m * (2 * d + 1) + 15) / 8 * 8; }

struct Workspace {
  Buffer partial, zero, scratch;
  size_t sheet, perThread;
  explicit Workspace(const Net& net)
      : partial(most(net, [&](const Layer& layer) { return (size_t)chunks_of(layer.m) * net.d * net.padded; })),
        zero((size_t)P * net.d),
        scratch((size_t)pool->size() * (2 * P * net.padded + 64)),
        sheet((size_t)net.d * net.padded),
        perThread(2 * P * net.padded + 64) {}

 private:
  template <class Size>
  static size_t most(const Net& net, Size&& size) {
    size_t largest = 0;
    for (const Layer& layer : net.layers) largest = std::max(largest, size(layer));
    return largest;
  }
};

struct Tile {
  const double *a[P], *b[P];
  double bias[P];
  int count;
};
Tile tile_at(const Layer& layer, int d, int64_t first, int64_t last, const double* zero) {
  Tile tile;
  tile.count = (int)std::min<int64_t>(P, last - first);
  for (int i = 0; i < P; i++) {
    bool real = i < tile.count;
    tile.a[i] = real ? layer.a + (first + i) * d : zero;
    tile.b[i] = real ? layer.b + (first + i) * d : zero;
    tile.bias[i] = real ? layer.bias[first + i] : 0;
  }
  return tile;
}

// ---- activations that the forward pass keeps for the backward one ----

// Bytes for each thread that stay in the caches between the passes; more would be slower than another tanh.
constexpr size_t KEPT = 8 << 20;

// Whether the derivative is known from the value alone, so that nothing else need be kept.
template <int A>
constexpr bool keeps() {
  return A == TANH;
}
inline Act kept_act(V t) { return {t, 1.0 - t * t}; }

// Numbers for the kept values of a layer: whole tiles for every chunk.
size_t kept_numbers(const Layer& layer, int samples) { return (size_t)(layer.m + chunks_of(layer.m) * P) * samples; }
// Where those of the tile at particle `i` of a chunk are, [S, P]; null where none are kept.
double* kept_at(const Shape& net, double* keep, int chunk, int64_t i) {
  return keep == nullptr ? nullptr : keep + (size_t)(i + chunk * P) * net.padded;
}

// ---- one layer forward ----

// Values of the tile's activations go into `keep` [S, P], where that is given.
template <int A>
void forward_tile(const Shape& net, const Tile& tile, int from, int until, const double* z, double* out,
                  double* keep = nullptr) {
  const int d = net.d, S = net.padded;
  for (int s = from; s < until; s += W) {
    V u[P];
    for (int i = 0; i < P; i++) u[i] = splat(tile.bias[i]);
    for (int k = 0; k < d; k++) {
      V zk = load(z + (size_t)k * S + s);
      for (int i = 0; i < P; i++) u[i] = fma(splat(tile.a[i][k]), zk, u[i]);
    }
    for (int i = 0; i < P; i++) u[i] = activate<A>(u[i]).value;
    if (keep != nullptr)
      for (int i = 0; i < P; i++) store(keep + (size_t)s * P + i * W, u[i]);
    for (int k = 0; k < d; k++) {
      double* o = out + (size_t)k * S + s;
      V even = load(o), odd = splat(tile.b[1][k]) * u[1];
      for (int i = 0; i < P; i += 2) even = fma(splat(tile.b[i][k]), u[i], even);
      for (int i = 3; i < P; i += 2) odd = fma(splat(tile.b[i][k]), u[i], odd);
      store(o, even + odd);
    }
  }
}

// out = alpha z + (c/m) * (sum of the chunks)
void reduce(const Shape& net, int64_t m, int chunks, const double* partial, const double* z, double* out) {
  const size_t sheet = (size_t)net.d * net.padded;
  const double scale = net.c / (double)m;
  for (size_t j = 0; j < sheet; j += W) {
    V sum = load(partial + j);
    for (int chunk = 1; chunk < chunks; chunk++) sum += load(partial + chunk * sheet + j);
    store(out + j, net.alpha * load(z + j) + scale * sum);
  }
}

// The columns `from`..`until` of `sheet`: set to zero, or finished in place as alpha z + (c/m) * themselves.
void clear(const Shape& net, int from, int until, double* sheet) {
  for (int k = 0; k < net.d; k++) std::memset(sheet + (size_t)k * net.padded + from, 0, (until - from) * 8);
}
void finish(const Shape& net, int64_t m, int from, int until, const double* z, double* sheet) {
  const double scale = net.c / (double)m;
  for (int k = 0; k < net.d; k++)
    for (size_t j = (size_t)k * net.padded + from; j < (size_t)k * net.padded + until; j += W)
      store(sheet + j, net.alpha * load(z + j) + scale * load(sheet + j));
}

template <int A>
void layer_forward(const Shape& net, const Layer& layer, Workspace& work, const double* z, double* out,
                   double* keep = nullptr) {
  // What the jobs use is captured by value: the caller's stack is written while the other threads read.
  const double* zero = work.zero;
  const int chunks = chunks_of(layer.m);
  pool->run(chunks, work_of(net, layer.m), [=, sheet = work.sheet, partial = work.partial.data()](int chunk, int) {
    double* mine = partial + chunk * sheet;
    std::memset(mine, 0, sheet * 8);
    const int64_t first = layer.m * chunk / chunks, last = layer.m * (chunk + 1) / chunks;
    for (int64_t i = first; i < last; i += P)
      forward_tile<A>(net, tile_at(layer, net.d, i, last, zero), 0, net.padded, z, mine, kept_at(net, keep, chunk, i));
  });
  reduce(net, layer.m, chunks, work.partial, z, out);
}

// ---- one layer backward: gradients of P particles, and J^T p ----

template <int A>
void backward_tile(const Shape& net, const Tile& tile, int from, int until, const double* z, const double* p,
                   double* back, double* scratch, double scale, double* ga, double* gb, double* gbias, const double* a,
                   const double* b, const double* bias, double* kept) {
  const int d = net.d, S = net.padded;
  double *ts = kept != nullptr ? kept : scratch, *ss = scratch + (size_t)P * S;
  V dbias[P] = {};
  for (int s = from; s < until; s += W) {
    V u[P], bp[P];
    if (keeps<A>() && kept != nullptr) {
      for (int i = 0; i < P; i++) bp[i] = V{};
      for (int k = 0; k < d; k++) {
        V pk = load(p + (size_t)k * S + s);
        for (int i = 0; i < P; i++) bp[i] = fma(splat(tile.b[i][k]), pk, bp[i]);
      }
      for (int i = 0; i < P; i++) {
        V gradient = kept_act(load(ts + (size_t)s * P + i * W)).derivative * bp[i];
        dbias[i] += gradient;
        store(ss + (size_t)s * P + i * W, gradient);
      }
      continue;
    }
    for (int i = 0; i < P; i++) u[i] = splat(tile.bias[i]), bp[i] = V{};
    for (int k = 0; k < d; k++) {
      V zk = load(z + (size_t)k * S + s), pk = load(p + (size_t)k * S + s);
      for (int i = 0; i < P; i++) {
        u[i] = fma(splat(tile.a[i][k]), zk, u[i]);
        bp[i] = fma(splat(tile.b[i][k]), pk, bp[i]);
      }
    }
    for (int i = 0; i < P; i++) {
      Act act = activate<A>(u[i]);
      V gradient = act.derivative * bp[i];
      dbias[i] += gradient;
      store(ts + (size_t)s * P + i * W, act.value);
      store(ss + (size_t)s * P + i * W, gradient);
    }
  }
  double sum[P];
  sums(dbias, sum);
  for (int i = 0; i < tile.count; i++) gbias[i] = bias[i] + scale * sum[i];
  for (int k = 0; k < d; k++) {
    V da[P] = {}, db[P] = {};
    V ak[P];
    for (int i = 0; i < P; i++) ak[i] = splat(tile.a[i][k]);
    for (int s = from; s < until; s += W) {
      V zk = load(z + (size_t)k * S + s), pk = load(p + (size_t)k * S + s);
      double* o = back + (size_t)k * S + s;
      V even = load(o), odd = V{};
      for (int i = 0; i < P; i += 2) {
        V s0 = load(ss + (size_t)s * P + i * W), s1 = load(ss + (size_t)s * P + (i + 1) * W);
        da[i] = fma(s0, zk, da[i]);
        da[i + 1] = fma(s1, zk, da[i + 1]);
        db[i] = fma(load(ts + (size_t)s * P + i * W), pk, db[i]);
        db[i + 1] = fma(load(ts + (size_t)s * P + (i + 1) * W), pk, db[i + 1]);
        even = fma(s0, ak[i], even);
        odd = fma(s1, ak[i + 1], odd);
      }
      store(o, even + odd);
    }
    sums(da, sum);
    for (int i = 0; i < tile.count; i++) ga[(size_t)i * d + k] = a[(size_t)i * d + k] + scale * sum[i];
    sums(db, sum);
    for (int i = 0; i < tile.count; i++) gb[(size_t)i * d + k] = b[(size_t)i * d + k] + scale * sum[i];
  }
}

// Gradients of the particles first..last and their share of J^T p, over the samples from..until.
template <int A>
void backward_range(const Shape& net, const Layer& layer, const Layer& to, bool add, double scale, int64_t first,
                    int64_t last, int from, int until, const double* z, const double* p, double* back, double* scratch,
                    const double* zero, double* keep, int chunk) {
  const int d = net.d;
  for (int64_t i = first; i < last; i += P) {
    const double* a = add ? layer.a + i * d : zero;
    const double* b = add ? layer.b + i * d : zero;
    const double* bias = add ? layer.bias + i : zero;
    backward_tile<A>(net, tile_at(layer, d, i, last, zero), from, until, z, p, back, scratch, scale, to.a + i * d,
                     to.b + i * d, to.bias + i, a, b, bias, kept_at(net, keep, chunk, i));
  }
}

// Writes base + scale * gradient into `to`: the base is the layer itself (which `to` may be), or zero.
template <int A>
void layer_backward(const Shape& net, const Layer& layer, const Layer& to, bool add, double scale, Workspace& work,
                    const double* z, const double* p, double* back, double* keep = nullptr) {
  const double* zero = work.zero;
  const size_t perThread = work.perThread;
  double* scratch = work.scratch;
  const int chunks = chunks_of(layer.m);
  pool->run(chunks, work_of(net, layer.m),
            [=, sheet = work.sheet, partial = work.partial.data()](int chunk, int thread) {
    double* mine = partial + chunk * sheet;
    std::memset(mine, 0, sheet * 8);
    const int64_t first = layer.m * chunk / chunks, last = layer.m * (chunk + 1) / chunks;
    backward_range<A>(net, layer, to, add, scale, first, last, 0, net.padded, z, p, mine, scratch + thread * perThread,
                      zero, keep, chunk);
  });
  reduce(net, layer.m, chunks, work.partial, p, back);
}

// ---- the whole network ----

void to_columns(const double* rows, const Net& net, double* columns) {  // [N, d] -> [d, padded], zeros behind
  for (int k = 0; k < net.d; k++) {
    for (int s = 0; s < net.n; s++) columns[(size_t)k * net.padded + s] = rows[(size_t)s * net.d + k];
    for (int s = net.n; s < net.padded; s++) columns[(size_t)k * net.padded + s] = 0;
  }
}
void to_rows(const double* columns, const Net& net, double* rows) {
  for (int s = 0; s < net.n; s++)
    for (int k = 0; k < net.d; k++) rows[(size_t)s * net.d + k] = columns[(size_t)k * net.padded + s];
}

template <int A>
void run_forward(const Net& net, const double* x, const std::vector<double*>& outs) {
  Workspace work(net);
  Buffer in(work.sheet), out(work.sheet);
  double *z = in, *next = out;
  to_columns(x, net, z);
  for (size_t l = 0; l < net.layers.size(); l++) {
    layer_forward<A>(net, net.layers[l], work, z, next);
    std::swap(z, next);
    if (outs[l] != nullptr) to_rows(z, net, outs[l]);
  }
}

// Back through the only layer of `net`: its velocity into `to`, and J^T p into `back`, both [N, d] in rows.
template <int A>
void run_backward(const Net& net, const double* z, const double* p, const Layer& to, double* back) {
  Workspace work(net);
  Buffer in(work.sheet), gradient(work.sheet), out(work.sheet);
  to_columns(z, net, in);
  to_columns(p, net, gradient);
  layer_backward<A>(net, net.layers[0], to, false, -net.c / net.n, work, in, gradient, out);
  to_rows(out, net, back);
}

// p = z - y on the real samples of from..until, 0 behind them. Returns the sum of squares.
double residual(const Shape& net, int from, int until, const double* z, const double* y, double* p) {
  V squares = V{};
  for (int k = 0; k < net.d; k++)
    for (int s = from; s < until; s += W) {
      const size_t j = (size_t)k * net.padded + s;
      V r = load(z + j) - load(y + j);
      for (int w = net.n - s; w < W; w++) r[std::max(w, 0)] = 0;
      squares = fma(r, r, squares);
      store(p + j, r);
    }
  double sum = 0;
  for (int w = 0; w < W; w++) sum += squares[w];
  return sum;
}

// target = base + scale * (sum over slices)
void total(int slices, size_t stride, const double* sums, size_t count, bool add, double scale, const double* base,
           double* target) {
  size_t j = 0;
  for (; j + W <= count; j += W) {
    V sum = load(sums + j);
    for (int slice = 1; slice < slices; slice++) sum += load(sums + slice * stride + j);
    store(target + j, (add ? load(base + j) : V{}) + scale * sum);
  }
  for (; j < count; j++) {
    double sum = sums[j];
    for (int slice = 1; slice < slices; slice++) sum += sums[slice * stride + j];
    target[j] = (add ? base[j] : 0) + scale * sum;
  }
}

// Loss before each step. With `to` empty: Euler steps of length `dt` in place, until the loss is not finite; else one
// gradient (times
// -dt) into `to`. Returns the number of losses written.
template <int A>
int run_descent(const Net& net, const double* x, const double* y, double dt, int steps, double* losses,
                const std::vector<Layer>& to) {
  Workspace work(net);
  const size_t sheet = work.sheet, L = net.layers.size();
  const bool add = to.empty();
  const std::vector<Layer>& targets = add ? net.layers : to;
  Buffer zs(sheet * (L + 1)), ys(sheet), ps(sheet * 2);
  to_columns(x, net, zs);
  to_columns(y, net, ys);
  const double scale = -dt * net.c / net.n;
  const int slices = slices_of(net);
  size_t numbers = 0;
  int64_t pass = 0;
  for (const Layer& layer : net.layers) {
    numbers += gradient_numbers(layer, net.d);
    pass += work_of(net, layer.m);
  }
  Buffer sums(slices > 1 ? slices * numbers : 0);
  std::vector<size_t> begins{0};
  for (const Layer& layer : net.layers) begins.push_back(begins.back() + kept_numbers(layer, net.padded));
  const bool keeping = keeps<A>() && begins.back() * 8 <= KEPT * pool->size();
  Buffer kept(keeping ? begins.back() : 0);
  const auto kept_of = [keeping, all = kept.data(), begins = begins.data()](size_t l) {
    return keeping ? all + begins[l] : nullptr;
  };
  for (int step = 0; step < steps; step++) {
    double loss = 0;
    if (slices > 1) {
      double squares[16 * 8];
      pool->run(slices, pass,
                [&net, sheet, L, numbers, slices, out = squares, z = zs.data(), y = ys.data(), p = ps.data(),
                 sums = sums.data(), zero = work.zero.data(), all = work.scratch.data(), perThread = work.perThread,
                 kept_of](int slice, int thread) {
        const Shape shape = net;
        const Layer* layers = net.layers.data();
        const int vectors = shape.padded / W, from = vectors * slice / slices * W,
                  until = vectors * (slice + 1) / slices * W;
        for (size_t l = 0; l < L; l++) {
          const Layer layer = layers[l];
          double* next = z + (l + 1) * sheet;
          clear(shape, from, until, next);
          for (int64_t i = 0; i < layer.m; i += P)
            forward_tile<A>(shape, tile_at(layer, shape.d, i, layer.m, zero), from, until, z + l * sheet, next,
                            kept_at(shape, kept_of(l), 0, i));
          finish(shape, layer.m, from, until, z + l * sheet, next);
        }
        double *mine = p, *back = p + sheet, *sum = sums + slice * numbers;
        out[8 * slice] = residual(shape, from, until, z + L * sheet, y, mine);
        for (size_t l = L; l-- > 0;) {
          const Layer layer = layers[l];
          const int64_t m = layer.m;
          clear(shape, from, until, back);
          backward_range<A>(shape, layer, {sum, sum + m * shape.d, sum + 2 * m * shape.d, m}, false, 1, 0, m, from,
                            until, z + l * sheet, mine, back, all + thread * perThread, zero, kept_of(l), 0);
          finish(shape, m, from, until, mine, back);
          std::swap(mine, back);
          sum += gradient_numbers(layer, shape.d);
        }
      });
      for (int slice = 0; slice < slices; slice++) loss += squares[8 * slice];
    } else {
      for (size_t l = 0; l < L; l++)
        layer_forward<A>(net, net.layers[l], work, zs + l * sheet, zs + (l + 1) * sheet, kept_of(l));
      loss = residual(net, 0, net.padded, zs + L * sheet, ys, ps);
    }
    losses[step] = loss / (2.0 * net.n);
    if (!std::isfinite(loss)) return step + 1;
    if (slices > 1) {
      const double* sum = sums;
      for (size_t l = L; l-- > 0;) {
        const Layer &layer = net.layers[l], &target = targets[l];
        const size_t count = layer.m * net.d;
        total(slices, numbers, sum, count, add, scale, layer.a, target.a);
        total(slices, numbers, sum + count, count, add, scale, layer.b, target.b);
        total(slices, numbers, sum + 2 * count, layer.m, add, scale, layer.bias, target.bias);
        sum += gradient_numbers(layer, net.d);
      }
    } else {
      double *p = ps, *back = ps + sheet;
      for (size_t l = L; l-- > 0;) {
        layer_backward<A>(net, net.layers[l], targets[l], add, scale, work, zs + l * sheet, p, back, kept_of(l));
        std::swap(p, back);
      }
    }
  }
  return steps;
}

// ---- tangents: the derivative of a pass in K directions, which share the pass itself ----

// One layer with its K tangents: their particles, and the sheets that they read.
struct Tangents {
  const Layer* layers;  // K of them
  int count;
  const double* dz;  // [K, sheet]
  const double* dp;  // [K, sheet]
};

// out += sum b t, and outs[k] += sum db t + b s du for each direction, of the tile at particle `i`.
template <int A>
void tangent_forward_tile(const Shape& net, const Layer& layer, const Tangents& tangents, int64_t i, int64_t last,
                          const double* z, double* outs, double* scratch, const double* zero) {
  const int d = net.d, S = net.padded;
  const size_t sheet = (size_t)d * S;
  const Tile tile = tile_at(layer, d, i, last, zero);
  double *ts = scratch, *ss = scratch + (size_t)P * S;
  for (int s = 0; s < S; s += W) {
    V u[P];
    for (int j = 0; j < P; j++) u[j] = splat(tile.bias[j]);
    for (int k = 0; k < d; k++) {
      V zk = load(z + (size_t)k * S + s);
      for (int j = 0; j < P; j++) u[j] = fma(splat(tile.a[j][k]), zk, u[j]);
    }
    for (int j = 0; j < P; j++) {
      Act act = activate<A>(u[j]);
      store(ts + (size_t)s * P + j * W, act.value);
      store(ss + (size_t)s * P + j * W, act.derivative);
      u[j] = act.value;
    }
    for (int k = 0; k < d; k++) {
      double* o = outs + (size_t)k * S + s;
      V sum = load(o);
      for (int j = 0; j < P; j++) sum = fma(splat(tile.b[j][k]), u[j], sum);
      store(o, sum);
    }
  }
  for (int q = 0; q < tangents.count; q++) {
    const Tile change = tile_at(tangents.layers[q], d, i, last, zero);
    const double* dz = tangents.dz + q * sheet;
    double* out = outs + (q + 1) * sheet;
    for (int s = 0; s < S; s += W) {
      V du[P], t[P];
      for (int j = 0; j < P; j++) du[j] = splat(change.bias[j]);
      for (int k = 0; k < d; k++) {
        V zk = load(z + (size_t)k * S + s), dzk = load(dz + (size_t)k * S + s);
        for (int j = 0; j < P; j++) du[j] = fma(splat(change.a[j][k]), zk, fma(splat(tile.a[j][k]), dzk, du[j]));
      }
      for (int j = 0; j < P; j++) {
        t[j] = load(ts + (size_t)s * P + j * W);
        du[j] *= load(ss + (size_t)s * P + j * W);
      }
      for (int k = 0; k < d; k++) {
        double* o = out + (size_t)k * S + s;
        V even = load(o), odd = V{};
        for (int j = 0; j < P; j++) {
          even = fma(splat(change.b[j][k]), t[j], even);
          odd = fma(splat(tile.b[j][k]), du[j], odd);
        }
        store(o, even + odd);
      }
    }
  }
}

// Sums over samples of x y and x2 y2 for each of the tile's particles: the gradient's rows.
struct Gradient {
  const double *s, *t;    // [S, P]: what multiplies z in da, and p in db
  const double *ds, *dt;  // the second pair, which multiplies z' and p'; may be null
};
void gradient_rows(const Shape& net, int count, const Gradient& g, const double* z, const double* p, const double* dz,
                   const double* dp, double scale, double* ga, double* gb) {
  const int d = net.d, S = net.padded;
  double sum[P];
  for (int k = 0; k < d; k++) {
    V da[P] = {}, db[P] = {};
    for (int s = 0; s < S; s += W) {
      V zk = load(z + (size_t)k * S + s), pk = load(p + (size_t)k * S + s);
      for (int j = 0; j < P; j++) {
        da[j] = fma(load(g.s + (size_t)s * P + j * W), zk, da[j]);
        db[j] = fma(load(g.t + (size_t)s * P + j * W), pk, db[j]);
      }
      if (g.ds == nullptr) continue;
      zk = load(dz + (size_t)k * S + s), pk = load(dp + (size_t)k * S + s);
      for (int j = 0; j < P; j++) {
        da[j] = fma(load(g.ds + (size_t)s * P + j * W), zk, da[j]);
        db[j] = fma(load(g.dt + (size_t)s * P + j * W), pk, db[j]);
      }
    }
    sums(da, sum);
    for (int j = 0; j < count; j++) ga[(size_t)j * d + k] = scale * sum[j];
    sums(db, sum);
    for (int j = 0; j < count; j++) gb[(size_t)j * d + k] = scale * sum[j];
  }
}

// Velocities of the tile at particle `i` and their changes, and its share of J^T p and of the changes of that.
template <int A>
void tangent_backward_tile(const Shape& net, const Layer& layer, const Layer& to, const Tangents& tangents,
                           const Layer* tos, double scale, int64_t i, int64_t last, const double* z, const double* p,
                           double* backs, double* scratch, const double* zero) {
  const int d = net.d, S = net.padded;
  const size_t sheet = (size_t)d * S, all = (size_t)P * S;
  const Tile tile = tile_at(layer, d, i, last, zero);
  double *ts = scratch, *ss = ts + all, *derivatives = ss + all, *bends = derivatives + all, *dts = bends + all,
         *dss = dts + all;
  double sum[P];
  V dbias[P] = {};
  for (int s = 0; s < S; s += W) {
    V u[P], bp[P];
    for (int j = 0; j < P; j++) u[j] = splat(tile.bias[j]), bp[j] = V{};
    for (int k = 0; k < d; k++) {
      V zk = load(z + (size_t)k * S + s), pk = load(p + (size_t)k * S + s);
      for (int j = 0; j < P; j++) {
        u[j] = fma(splat(tile.a[j][k]), zk, u[j]);
        bp[j] = fma(splat(tile.b[j][k]), pk, bp[j]);
      }
    }
    for (int j = 0; j < P; j++) {
      Act act = activate<A>(u[j]);
      const size_t at = (size_t)s * P + j * W;
      V gradient = act.derivative * bp[j];
      dbias[j] += gradient;
      store(ts + at, act.value);
      store(ss + at, gradient);
      store(derivatives + at, act.derivative);
      store(bends + at, bp[j] * curvature<A>(u[j], act));
      bp[j] = gradient;
    }
    for (int k = 0; k < d; k++) {
      double* o = backs + (size_t)k * S + s;
      V back = load(o);
      for (int j = 0; j < P; j++) back = fma(splat(tile.a[j][k]), bp[j], back);
      store(o, back);
    }
  }
  sums(dbias, sum);
  for (int j = 0; j < tile.count; j++) to.bias[i + j] = scale * sum[j];
  gradient_rows(net, tile.count, {ss, ts, nullptr, nullptr}, z, p, nullptr, nullptr, scale, to.a + i * d, to.b + i * d);
  for (int q = 0; q < tangents.count; q++) {
    const Tile change = tile_at(tangents.layers[q], d, i, last, zero);
    const double *dz = tangents.dz + q * sheet, *dp = tangents.dp + q * sheet;
    double* out = backs + (q + 1) * sheet;
    for (int j = 0; j < P; j++) dbias[j] = V{};
    for (int s = 0; s < S; s += W) {
      V du[P], dbp[P], gradient[P];
      for (int j = 0; j < P; j++) du[j] = splat(change.bias[j]), dbp[j] = V{};
      for (int k = 0; k < d; k++) {
        V zk = load(z + (size_t)k * S + s), pk = load(p + (size_t)k * S + s), dzk = load(dz + (size_t)k * S + s),
          dpk = load(dp + (size_t)k * S + s);
        for (int j = 0; j < P; j++) {
          du[j] = fma(splat(change.a[j][k]), zk, fma(splat(tile.a[j][k]), dzk, du[j]));
          dbp[j] = fma(splat(change.b[j][k]), pk, fma(splat(tile.b[j][k]), dpk, dbp[j]));
        }
      }
      for (int j = 0; j < P; j++) {
        const size_t at = (size_t)s * P + j * W;
        V derivative = load(derivatives + at);
        V moved = fma(dbp[j], derivative, load(bends + at) * du[j]);
        dbias[j] += moved;
        store(dts + at, derivative * du[j]);
        store(dss + at, moved);
        dbp[j] = moved;
        gradient[j] = load(ss + at);
      }
      for (int k = 0; k < d; k++) {
        double* o = out + (size_t)k * S + s;
        V even = load(o), odd = V{};
        for (int j = 0; j < P; j++) {
          even = fma(splat(tile.a[j][k]), dbp[j], even);
          odd = fma(splat(change.a[j][k]), gradient[j], odd);
        }
        store(o, even + odd);
      }
    }
    sums(dbias, sum);
    const Layer& target = tos[q];
    for (int j = 0; j < tile.count; j++) target.bias[i + j] = scale * sum[j];
    gradient_rows(net, tile.count, {dss, dts, ss, ts}, z, p, dz, dp, scale, target.a + i * d, target.b + i * d);
  }
}

// What one tangent pass reads and writes; null pointers where nothing is asked for.
struct TangentPass {
  int count;                        // K
  const double *x, *y;              // [N, d]
  std::vector<double*> dx;          // K, or none
  std::vector<Layer> directions;    // K x L
  std::vector<Layer> to, tos;       // L, and K x L; or none
  std::vector<double*> outputs;     // K x L, or none
  // One layer: its gradient by the output and the changes of that, K + 1 [N, d], in place of targets; or none. `back`
  // gets those by the layer's input.
  std::vector<double*> p, back;
};

// Returns the loss, or NaN without targets.
template <int A>
double run_tangent(const Net& net, const TangentPass& pass) {
  const size_t L = net.layers.size(), sheet = (size_t)net.d * net.padded;
  const int K = pass.count;
  const size_t sheets = K + 1, perThread = (size_t)6 * P * net.padded + 64;
  size_t most = 0;
  for (const Layer& layer : net.layers) most = std::max(most, (size_t)chunks_of(layer.m));
  Buffer partial(most * sheets * sheet), zero((size_t)P * net.d), scratch(pool->size() * perThread);
  Buffer zs((L + 1) * sheet), dzs((L + 1) * K * sheet), ys(sheet), ps(2 * sheets * sheet);
  to_columns(pass.x, net, zs);
  if (!pass.dx.empty())
    for (int q = 0; q < K; q++) to_columns(pass.dx[q], net, dzs + q * sheet);
  std::vector<Layer> mine(K), theirs(K);
  const bool known = !pass.p.empty();
  for (size_t l = 0; l < L && !known; l++) {
    const Layer layer = net.layers[l];
    for (int q = 0; q < K; q++) mine[q] = pass.directions[q * L + l];
    const double *z = zs + l * sheet, *dz = dzs + l * K * sheet;
    const Tangents tangents{mine.data(), K, dz, nullptr};
    const int chunks = chunks_of(layer.m);
    pool->run(chunks, work_of(net, layer.m) * (K + 1),
              [=, &net, partial = partial.data(), scratch = scratch.data(), zero = zero.data()](int chunk, int thread) {
      double* outs = partial + chunk * sheets * sheet;
      std::memset(outs, 0, sheets * sheet * 8);
      const int64_t first = layer.m * chunk / chunks, last = layer.m * (chunk + 1) / chunks;
      for (int64_t i = first; i < last; i += P)
        tangent_forward_tile<A>(net, layer, tangents, i, last, z, outs, scratch + thread * perThread, zero);
    });
    for (int chunk = 1; chunk < chunks; chunk++)
      for (size_t j = 0; j < sheets * sheet; j += W)
        store(partial + j, load(partial + j) + load(partial + chunk * sheets * sheet + j));
    reduce(net, layer.m, 1, partial, z, zs + (l + 1) * sheet);
    for (int q = 0; q < K; q++) {
      double* out = dzs + ((l + 1) * K + q) * sheet;
      reduce(net, layer.m, 1, partial + (q + 1) * sheet, dz + q * sheet, out);
      if (!pass.outputs.empty() && pass.outputs[q * L + l] != nullptr) to_rows(out, net, pass.outputs[q * L + l]);
    }
  }
  if (pass.y == nullptr && !known) return NAN;
  double *p = ps, *back = ps + sheets * sheet, loss = NAN;
  if (known) {
    for (size_t q = 0; q < sheets; q++) to_columns(pass.p[q], net, p + q * sheet);
  } else {
    to_columns(pass.y, net, ys);
    loss = residual(net, 0, net.padded, zs + L * sheet, ys, p) / (2.0 * net.n);
    if (pass.to.empty()) return loss;
  }
  for (int q = 0; q < K && !known; q++) {  // nothing behind the last sample, as in `residual`
    const double* from = dzs + (L * K + q) * sheet;
    double* change = p + (q + 1) * sheet;
    for (int k = 0; k < net.d; k++)
      for (int s = 0; s < net.padded; s++)
        change[(size_t)k * net.padded + s] = s < net.n ? from[(size_t)k * net.padded + s] : 0;
  }
  const double scale = -net.c / net.n;
  for (size_t l = L; l-- > 0;) {
    const Layer layer = net.layers[l], to = pass.to[l];
    for (int q = 0; q < K; q++) mine[q] = pass.directions[q * L + l], theirs[q] = pass.tos[q * L + l];
    const double* z = zs + l * sheet;
    const Tangents tangents{mine.data(), K, dzs + l * K * sheet, p + sheet};
    const int chunks = chunks_of(layer.m);
    pool->run(chunks, work_of(net, layer.m) * (K + 1),
              [=, &net, tos = theirs.data(), partial = partial.data(), scratch = scratch.data(),
               zero = zero.data()](int chunk, int thread) {
      double* backs = partial + chunk * sheets * sheet;
      std::memset(backs, 0, sheets * sheet * 8);
      const int64_t first = layer.m * chunk / chunks, last = layer.m * (chunk + 1) / chunks;
      for (int64_t i = first; i < last; i += P)
        tangent_backward_tile<A>(net, layer, to, tangents, tos, scale, i, last, z, p, backs,
                                 scratch + thread * perThread, zero);
    });
    for (int chunk = 1; chunk < chunks; chunk++)
      for (size_t j = 0; j < sheets * sheet; j += W)
        store(partial + j, load(partial + j) + load(partial + chunk * sheets * sheet + j));
    for (size_t q = 0; q < sheets; q++) reduce(net, layer.m, 1, partial + q * sheet, p + q * sheet, back + q * sheet);
    std::swap(p, back);
  }
  for (size_t q = 0; q < pass.back.size(); q++) to_rows(p + q * sheet, net, pass.back[q]);
  return loss;
}

// Floating-point operations per second of one thread, in registers only: the arithmetic peak that rates are compared
// with.
double peak() {
  // Ten chains hide the latency.
  V a = splat(0), b = splat(1), c = splat(2), d = splat(3), e = splat(4), f = splat(5), g = splat(6), h = splat(7),
    i = splat(8), j = splat(9);
  V x = splat(0.999999), y = splat(1e-9);
  const int rounds = 1000000;
  double best = 0;
  for (int trial = 0; trial < 5; trial++) {
    auto start = std::chrono::steady_clock::now();
    for (int r = 0; r < rounds; r++) {
      a = fma(a, x, y), b = fma(b, x, y), c = fma(c, x, y), d = fma(d, x, y), e = fma(e, x, y);
      f = fma(f, x, y), g = fma(g, x, y), h = fma(h, x, y), i = fma(i, x, y), j = fma(j, x, y);
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, 2.0 * 10 * W * rounds / seconds);
    y = y + 1e-300 * (a + b + c + d + e + f + g + h + i + j);  // every chain is needed, and no trial repeats another
  }
  return best + 0 * y[0];
}

// `work` with the activation of that number as a compile-time constant.
template <class Work>
auto with_activation(int activation, Work&& work) {
  switch (activation) {
    case ERF: return work(std::integral_constant<int, ERF>());
    case RELU: return work(std::integral_constant<int, RELU>());
    case GELU: return work(std::integral_constant<int, GELU>());
    case SILU: return work(std::integral_constant<int, SILU>());
    case IDENTITY: return work(std::integral_constant<int, IDENTITY>());
    default: return work(std::integral_constant<int, TANH>());
  }
}

// ---- Node-API. The TypeScript side (native.ts) has checked every shape. ----

double* doubles(napi_env env, napi_value value) {
  void* data = nullptr;
  napi_get_typedarray_info(env, value, nullptr, nullptr, &data, nullptr, nullptr);
  return static_cast<double*>(data);
}
double number(napi_env env, napi_value value) {
  double result = 0;
  napi_get_value_double(env, value, &result);
  return result;
}
std::vector<napi_value> elements(napi_env env, napi_value array) {
  uint32_t length = 0;
  napi_get_array_length(env, array, &length);
  std::vector<napi_value> values(length);
  for (uint32_t i = 0; i < length; i++) napi_get_element(env, array, i, &values[i]);
  return values;
}
std::vector<Layer> layers_of(napi_env env, napi_value arrays) {  // flat: a, b, bias, a, b, bias, ...
  std::vector<napi_value> flat = elements(env, arrays);
  std::vector<Layer> layers(flat.size() / 3);
  for (size_t l = 0; l < layers.size(); l++) {
    size_t m = 0;
    napi_get_typedarray_info(env, flat[3 * l + 2], nullptr, &m, nullptr, nullptr, nullptr);
    layers[l] = {doubles(env, flat[3 * l]), doubles(env, flat[3 * l + 1]), doubles(env, flat[3 * l + 2]), (int64_t)m};
  }
  return layers;
}
// Arguments 0 and 1: [d, alpha, c, activation, n], and the arrays.
Net net_of(napi_env env, napi_value* args) {
  const double* numbers = doubles(env, args[0]);
  Net net;
  net.d = (int)numbers[0];
  net.alpha = numbers[1];
  net.c = numbers[2];
  net.activation = (int)numbers[3];
  net.n = (int)numbers[4];
  net.padded = (net.n + W - 1) / W * W;
  net.layers = layers_of(env, args[1]);
  return net;
}

template <class Work>
napi_value guarded(napi_env env, Work&& work) {
  try {
    napi_value result;
    napi_create_double(env, work(), &result);
    return result;
  } catch (const std::bad_alloc&) {
    napi_throw_error(env, nullptr, "the particle kernel ran out of memory");
    return nullptr;
  } catch (const std::system_error& error) {
    napi_throw_error(env, nullptr,
                     (std::string("the particle kernel cannot start its threads: ") + error.what()).c_str());
    return nullptr;
  }
}

napi_value js_forward(napi_env env, napi_callback_info info) {  // numbers, arrays, x, outs
  size_t argc = 4;
  napi_value args[4];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  return guarded(env, [&] {
    Net net = net_of(env, args);
    std::vector<double*> outs;
    for (napi_value out : elements(env, args[3])) {
      napi_valuetype type;
      napi_typeof(env, out, &type);
      outs.push_back(type == napi_object ? doubles(env, out) : nullptr);
    }
    const double* x = doubles(env, args[2]);
    with_activation(net.activation, [&](auto A) { run_forward<decltype(A)::value>(net, x, outs); });
    return 0.0;
  });
}

napi_value js_descend(napi_env env, napi_callback_info info) {  // numbers, arrays, x, y, dt, losses, to
  size_t argc = 7;
  napi_value args[7];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  return guarded(env, [&] {
    Net net = net_of(env, args);
    std::vector<Layer> to = layers_of(env, args[6]);
    size_t steps = 0;
    void* losses = nullptr;
    napi_get_typedarray_info(env, args[5], nullptr, &steps, &losses, nullptr, nullptr);
    const double *x = doubles(env, args[2]), *y = doubles(env, args[3]);
    const double dt = number(env, args[4]);
    double* out = static_cast<double*>(losses);
    return with_activation(net.activation, [&](auto A) {
      return (double)run_descent<decltype(A)::value>(net, x, y, dt, (int)steps, out, to);
    });
  });
}

napi_value js_backward(napi_env env, napi_callback_info info) {  // numbers, arrays, z, p, to, back
  size_t argc = 6;
  napi_value args[6];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  return guarded(env, [&] {
    Net net = net_of(env, args);
    const std::vector<Layer> to = layers_of(env, args[4]);
    const double *z = doubles(env, args[2]), *p = doubles(env, args[3]);
    double* back = doubles(env, args[5]);
    with_activation(net.activation, [&](auto A) { run_backward<decltype(A)::value>(net, z, p, to[0], back); });
    return 0.0;
  });
}

// numbers, arrays, directions, x, dx, y, to, tos, outputs, p, back
napi_value js_tangent(napi_env env, napi_callback_info info) {
  size_t argc = 11;
  napi_value args[11];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  return guarded(env, [&] {
    Net net = net_of(env, args);
    const auto given = [&](napi_value value) {  // the array's numbers, or null where it is undefined
      napi_valuetype type;
      napi_typeof(env, value, &type);
      return type == napi_object ? doubles(env, value) : nullptr;
    };
    const auto list = [&](napi_value values) {
      std::vector<double*> found;
      for (napi_value value : elements(env, values)) found.push_back(given(value));
      return found;
    };
    TangentPass pass{};
    pass.directions = layers_of(env, args[2]);
    pass.count = (int)(pass.directions.size() / net.layers.size());
    pass.x = doubles(env, args[3]);
    pass.dx = list(args[4]);
    pass.y = given(args[5]);
    pass.to = layers_of(env, args[6]);
    pass.tos = layers_of(env, args[7]);
    pass.outputs = list(args[8]);
    pass.p = list(args[9]);
    pass.back = list(args[10]);
    return with_activation(net.activation, [&](auto activation) { return run_tangent<activation>(net, pass); });
  });
}

napi_value js_threads(napi_env env, napi_callback_info info) {
  size_t argc = 1;
  napi_value args[1];
  napi_get_cb_info(env, info, &argc, args, nullptr, nullptr);
  return guarded(env, [&] {
    const int threads = std::max(1, (int)number(env, args[0]));
    if (!pool || pool->size() != threads) pool = std::make_unique<Pool>(threads);
    return (double)pool->size();
  });
}

napi_value js_peak(napi_env env, napi_callback_info) {
  return guarded(env, [] { return peak(); });
}

napi_value init(napi_env env, napi_value exports) {
  pool = std::make_unique<Pool>(1);
  const napi_property_descriptor properties[] = {
      {"forward", nullptr, js_forward, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"descend", nullptr, js_descend, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"backward", nullptr, js_backward, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"tangent", nullptr, js_tangent, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"setThreads", nullptr, js_threads, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"peak", nullptr, js_peak, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
  napi_add_env_cleanup_hook(env, [](void*) { pool.reset(); }, nullptr);
  return exports;
}

}  // namespace

NAPI_MODULE_INIT() { return init(env, exports); }
