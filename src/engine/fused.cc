// Chains of elementwise steps of transformers and convolutional nets, each as one TensorFlow op that passes over memory once; what each computes, and its gradient: fused.ts.
// A Node-API addon: loading it registers the ops with the TensorFlow that is in the process. Float32, CPU.
//
// Work is cut into parts by the shapes alone, and sums over rows are added part by part, so that results do not depend on the number of threads.
#include <node_api.h>
#include <tensorflow/c/ops.h>
#include <tensorflow/c/tf_status.h>
#include <tensorflow/c/tf_tensor.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

// From tensorflow/c/kernels.h, which needs headers that are not installed.
extern "C" {
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
TF_KernelBuilder* TF_NewKernelBuilder(const char* op, const char* device, void* (*create)(TF_OpKernelConstruction*), void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*));
void TF_RegisterKernelBuilder(const char* name, TF_KernelBuilder* builder, TF_Status* status);
void TF_GetInput(TF_OpKernelContext* context, int index, TF_Tensor** tensor, TF_Status* status);
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int index, TF_DataType type, const int64_t* dims, int count, size_t bytes, TF_Status* status);
void TF_OpKernelContext_Failure(TF_OpKernelContext* context, TF_Status* status);
void TF_OpKernelConstruction_GetAttrFloat(TF_OpKernelConstruction* construction, const char* name, float* value, TF_Status* status);
}

namespace {

constexpr int W = 16;
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

// Calls body(offset, n) for every vector of a row; n is W but for the last one. Inlined twice, so that whole vectors have a fixed size.
template <typename F>
inline void along(int64_t columns, F body) {
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

// exp(v^2) erfc(v) for 0 <= v <= 9.5, as a polynomial in (v - 3) / (v + 3), highest power first: Chebyshev fit, within 2e-9.
const float ERFCX[11] = {5.62653281e-05f, 2.94275404e-05f, -5.94772016e-04f, 7.15153436e-04f, 4.26884809e-03f, -2.43940409e-02f,
                         7.16658849e-02f, -1.50115805e-01f, 2.45603796e-01f, -3.26233563e-01f, 1.79001151e-01f};

struct Normal {
  V below;  // Phi(u)
  V gauss;  // exp(-u^2 / 2)
};

inline Normal normal(V u) {
  V gauss = exp_negative(u * u * -0.5f);
  V v = (u < 0.0f ? -u : u) * static_cast<float>(M_SQRT1_2);
  v = v > 9.5f ? splat(9.5f) : v;
  V t = (v - 3.0f) / (v + 3.0f);
  V q = splat(ERFCX[0]);
  for (int i = 1; i < 11; i++) q = q * t + ERFCX[i];
  V tail = 0.5f * q * gauss;
  return {u < 0.0f ? tail : 1.0f - tail, gauss};
}

// ---- threads ----

// Tiny numbers count as 0, as in TensorFlow's own kernels: they are slow.
struct FlushTiny {
#if defined(__SSE__)
  unsigned before = _mm_getcsr();
  FlushTiny() { _mm_setcsr(before | 0x8040); }
  ~FlushTiny() { _mm_setcsr(before); }
#endif
};

class Pool {
 public:
  void resize(int threads) { wanted = std::max(1, threads); }

  // body(part) for every part, on all threads.
  void run(int64_t parts, const std::function<void(int64_t)>& body) {
    const int helpers = static_cast<int>(std::min<int64_t>(wanted, parts)) - 1;
    if (helpers <= 0) {
      FlushTiny flush;
      for (int64_t part = 0; part < parts; part++) body(part);
      return;
    }
    std::lock_guard<std::mutex> one(entry);
    {
      std::lock_guard<std::mutex> lock(mutex);
      while (static_cast<int>(threads.size()) < helpers) threads.emplace_back([this, id = static_cast<int>(threads.size())] { help(id); });
      work = &body;
      total = parts;
      next = 0;
      invited = helpers;
      busy = helpers;
      round++;
    }
    wake.notify_all();
    take();
    std::unique_lock<std::mutex> lock(mutex);
    idle.wait(lock, [this] { return busy == 0; });
  }

 private:
  void take() {
    FlushTiny flush;
    for (int64_t part = next++; part < total; part = next++) (*work)(part);
  }

  void help(int id) {
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex);
        wake.wait(lock, [&] { return round != seen && id < invited; });
        seen = round;
      }
      take();
      std::lock_guard<std::mutex> lock(mutex);
      if (--busy == 0) idle.notify_one();
    }
  }

  std::mutex entry, mutex;
  std::condition_variable wake, idle;
  std::vector<std::thread> threads;  // they live as long as the process
  const std::function<void(int64_t)>* work = nullptr;
  std::atomic<int64_t> next{0};
  int64_t total = 0;
  int wanted = 1, invited = 0, busy = 0;
  uint64_t round = 0;
};

Pool& pool() {
  static Pool* only = new Pool;
  return *only;
}

constexpr int64_t PART = 32768;  // values of a part, at least

// rows(begin, end) for parts of the rows.
void by_rows(int64_t rows, int64_t columns, const std::function<void(int64_t, int64_t)>& body) {
  const int64_t each = std::max<int64_t>(1, PART / std::max<int64_t>(1, columns));
  const int64_t parts = (rows + each - 1) / each;
  pool().run(parts, [&](int64_t part) { body(part * each, std::min(rows, (part + 1) * each)); });
}

// The same with `sums` rows of column sums, which each part adds up for itself, from 0; the parts' sums are then added in their order.
void with_sums(int64_t rows, int64_t columns, int sums, float* const* results, const std::function<void(int64_t, int64_t, float*)>& body) {
  const int64_t each = std::max<int64_t>(std::max<int64_t>(1, PART / std::max<int64_t>(1, columns)), (rows + 31) / 32);
  const int64_t parts = (rows + each - 1) / each;
  std::vector<float> partial(static_cast<size_t>(parts * sums * columns), 0.0f);
  pool().run(parts, [&](int64_t part) { body(part * each, std::min(rows, (part + 1) * each), partial.data() + part * sums * columns); });
  for (int s = 0; s < sums; s++) {
    std::fill(results[s], results[s] + columns, 0.0f);
    for (int64_t part = 0; part < parts; part++) {
      const float* mine = partial.data() + (part * sums + s) * columns;
      for (int64_t c = 0; c < columns; c++) results[s][c] += mine[c];
    }
  }
}

inline void add_to(float* sums, V v, int n) {
  V s = n == W ? load(sums) : load(sums, n);
  s += v;
  STORE(sums, s);
}

// ---- calls of TensorFlow ----

struct View {
  float* data = nullptr;
  std::vector<int64_t> dims;
  int64_t size = 1;
  int64_t columns() const { return dims.empty() ? 1 : dims.back(); }
  int64_t rows() const { return columns() == 0 ? 0 : size / columns(); }
};

class Call {
 public:
  explicit Call(TF_OpKernelContext* given) : context(given), status(TF_NewStatus()) {}
  ~Call() {
    if (TF_GetCode(status) != TF_OK) TF_OpKernelContext_Failure(context, status);
    for (TF_Tensor* tensor : held) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status);
  }

  View input(int index) {
    TF_Tensor* tensor = nullptr;
    if (ok()) TF_GetInput(context, index, &tensor, status);
    return view(tensor);
  }

  View output(int index, const std::vector<int64_t>& dims) {
    size_t bytes = sizeof(float);
    for (int64_t n : dims) bytes *= static_cast<size_t>(n);
    TF_Tensor* tensor = nullptr;
    if (ok()) tensor = TF_AllocateOutput(context, index, TF_FLOAT, dims.data(), static_cast<int>(dims.size()), bytes, status);
    return view(tensor);
  }

  void require(bool condition, const char* what) {
    if (ok() && !condition) TF_SetStatus(status, TF_INVALID_ARGUMENT, what);
  }

  bool ok() const { return TF_GetCode(status) == TF_OK; }

 private:
  View view(TF_Tensor* tensor) {
    View result;
    if (tensor == nullptr) return result;
    held.push_back(tensor);
    result.data = static_cast<float*>(TF_TensorData(tensor));
    for (int i = 0; i < TF_NumDims(tensor); i++) {
      result.dims.push_back(TF_Dim(tensor, i));
      result.size *= result.dims.back();
    }
    return result;
  }

  TF_OpKernelContext* context;
  TF_Status* status;
  std::vector<TF_Tensor*> held;
};

// Each op has two numbers as attributes; what they are is said where it reads them.
struct Attributes {
  float first = 0, second = 0;
};

// ---- ops ----

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

// Softmax over the last axis of scale x + bias; x has four axes, and bias, unless it is empty, as many, each of the same length or 1 (the last is whole).
void softmax(Call& call, const Attributes& attributes) {
  View x = call.input(0), bias = call.input(1);
  const int64_t columns = x.columns();
  call.require(x.dims.size() == 4, "softmax: four axes are expected");
  int64_t steps[3] = {0, 0, 0};
  if (call.ok() && bias.size > 0) {
    call.require(bias.dims.size() == 4 && bias.dims[3] == columns, "softmax: the bias has other axes");
    int64_t step = columns;
    for (int axis = 2; axis >= 0 && call.ok(); axis--) {
      call.require(bias.dims[axis] == 1 || bias.dims[axis] == x.dims[axis], "softmax: the bias has other axes");
      steps[axis] = bias.dims[axis] == 1 ? 0 : step;
      step *= bias.dims[axis];
    }
  }
  View y = call.output(0, x.dims);
  if (!call.ok()) return;
  by_rows(x.rows(), columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const float* from = x.data + row * columns;
      float* to = y.data + row * columns;
      const int64_t third = row % x.dims[2], second = row / x.dims[2] % x.dims[1], first = row / x.dims[2] / x.dims[1];
      const float* shift = bias.size > 0 ? bias.data + first * steps[0] + second * steps[1] + third * steps[2] : nullptr;
      float most = -INFINITY;
      V high = splat(-INFINITY);
      along(columns, [&](int64_t c, int n) {
        V v = LOAD(from + c) * attributes.first;
        if (shift != nullptr) v += LOAD(shift + c);
        STORE(to + c, v);
        if (n < W)
          for (int w = n; w < W; w++) v[w] = -INFINITY;
        high = v > high ? v : high;
      });
      for (int w = 0; w < W; w++) most = std::max(most, high[w]);
      V total = {};
      along(columns, [&](int64_t c, int n) {
        V v = exp_negative(LOAD(to + c) - most);
        STORE(to + c, v);
        if (n < W)
          for (int w = n; w < W; w++) v[w] = 0;
        total += v;
      });
      const float scale = 1 / sum(total);
      along(columns, [&](int64_t c, int n) { STORE(to + c, LOAD(to + c) * scale); });
    }
  });
}

// By x: scale p (dp - sum(p dp)).
void softmax_gradient(Call& call, const Attributes& attributes) {
  View p = call.input(0), dp = call.input(1);
  const int64_t columns = p.columns();
  call.require(p.size == dp.size, "softmax: shapes differ");
  View dx = call.output(0, p.dims);
  if (!call.ok()) return;
  by_rows(p.rows(), columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      V total = {};
      along(columns, [&](int64_t c, int n) { total += LOAD(p.data + at + c) * LOAD(dp.data + at + c); });
      const float aligned = sum(total);
      along(columns, [&](int64_t c, int n) { STORE(dx.data + at + c, attributes.first * LOAD(p.data + at + c) * (LOAD(dp.data + at + c) - aligned)); });
    }
  });
}

// [B T, N d] plus bias, which may be empty -> [B, N, T, d].
void split_heads(Call& call, const Attributes& attributes) {
  View x = call.input(0), bias = call.input(1);
  const int64_t heads = static_cast<int64_t>(attributes.first), tokens = static_cast<int64_t>(attributes.second);
  const int64_t columns = x.columns(), rows = x.rows();
  call.require(heads > 0 && tokens > 0 && columns % heads == 0 && rows % tokens == 0, "heads: the rows cannot be divided");
  call.require(bias.size == 0 || bias.size == columns, "heads: one bias for each column is expected");
  if (!call.ok()) return;
  const int64_t size = columns / heads;
  View y = call.output(0, {rows / tokens, heads, tokens, size});
  if (!call.ok()) return;
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t sequence = row / tokens, token = row % tokens;
      for (int64_t head = 0; head < heads; head++) {
        const float* from = x.data + row * columns + head * size;
        float* to = y.data + ((sequence * heads + head) * tokens + token) * size;
        along(size, [&](int64_t c, int n) {
          V v = LOAD(from + c);
          if (bias.size > 0) v += LOAD(bias.data + head * size + c);
          STORE(to + c, v);
        });
      }
    }
  });
}

// [B, N, T, d] -> [B T, N d], and its column sums, if they are asked for.
void join_heads(Call& call, const Attributes& attributes) {
  View x = call.input(0);
  call.require(x.dims.size() == 4, "heads: four axes are expected");
  if (!call.ok()) return;
  const int64_t heads = x.dims[1], tokens = x.dims[2], size = x.dims[3];
  const int64_t rows = x.dims[0] * tokens, columns = heads * size;
  const bool summed = attributes.first != 0;
  View y = call.output(0, {rows, columns}), result = call.output(1, {summed ? columns : 0});
  if (!call.ok()) return;
  with_sums(rows, columns, summed ? 1 : 0, &result.data, [&](int64_t begin, int64_t end, float* sums) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t sequence = row / tokens, token = row % tokens;
      for (int64_t head = 0; head < heads; head++) {
        const float* from = x.data + ((sequence * heads + head) * tokens + token) * size;
        float* to = y.data + row * columns + head * size;
        along(size, [&](int64_t c, int n) {
          V v = LOAD(from + c);
          STORE(to + c, v);
          if (summed) add_to(sums + head * size + c, v, n);
        });
      }
    }
  });
}

// scale x + shift + residual, with a scale and shift for each channel, and a ReLU if asked for; scale and residual may be empty.
void scale_shift(Call& call, const Attributes& attributes) {
  View x = call.input(0), scale = call.input(1), shift = call.input(2), residual = call.input(3);
  const int64_t columns = x.columns();
  call.require(shift.size == columns && (scale.size == 0 || scale.size == columns), "scale and shift: one for each channel is expected");
  call.require(residual.size == 0 || residual.size == x.size, "scale and shift: shapes differ");
  const bool relu = attributes.second != 0;
  View y = call.output(0, x.dims);
  if (!call.ok()) return;
  by_rows(x.rows(), columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      along(columns, [&](int64_t c, int n) {
        V v = LOAD(x.data + at + c);
        if (scale.size > 0) v *= LOAD(scale.data + c);
        v += LOAD(shift.data + c);
        if (residual.size > 0) v += LOAD(residual.data + at + c);
        if (relu) v = v < 0.0f ? V{} : v;
        STORE(y.data + at + c, v);
      });
    }
  });
}

// Batch norm over all axes but the last, of x; then plus a residual, unless it is empty, and a ReLU if asked for. y, batch mean, batch variance (unbiased)
// and 1 / deviation.
void batch_norm(Call& call, const Attributes& attributes) {
  View x = call.input(0), residual = call.input(1), gamma = call.input(2), beta = call.input(3);
  const int64_t columns = x.columns(), rows = x.rows();
  call.require(rows > 0 && gamma.size == columns && beta.size == columns, "batch norm: one gamma and beta for each channel are expected");
  call.require(residual.size == 0 || residual.size == x.size, "batch norm: shapes differ");
  const bool relu = attributes.second != 0;
  View y = call.output(0, x.dims), mean = call.output(1, {columns}), variance = call.output(2, {columns}), inverse = call.output(3, {columns});
  if (!call.ok()) return;
  const float* shift = x.data;  // the first row: sums of squares about a value near the mean lose nothing
  std::vector<float> totals(2 * columns), scale(columns), offset(columns);
  float* const results[2] = {totals.data(), totals.data() + columns};
  with_sums(rows, columns, 2, results, [&](int64_t begin, int64_t end, float* sums) {
    for (int64_t row = begin; row < end; row++) {
      const float* from = x.data + row * columns;
      along(columns, [&](int64_t c, int n) {
        V d = LOAD(from + c) - LOAD(shift + c);
        add_to(sums + c, d, n);
        add_to(sums + columns + c, d * d, n);
      });
    }
  });
  for (int64_t c = 0; c < columns; c++) {
    const double first = static_cast<double>(totals[c]) / rows, second = static_cast<double>(totals[columns + c]) / rows;
    const double spread = std::max(0.0, second - first * first);
    mean.data[c] = static_cast<float>(shift[c] + first);
    variance.data[c] = static_cast<float>(spread * rows / std::max<int64_t>(1, rows - 1));
    inverse.data[c] = static_cast<float>(1 / std::sqrt(spread + attributes.first));
    scale[c] = gamma.data[c] * inverse.data[c];
    offset[c] = beta.data[c] - mean.data[c] * scale[c];
  }
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      along(columns, [&](int64_t c, int n) {
        V v = LOAD(x.data + at + c) * LOAD(scale.data() + c) + LOAD(offset.data() + c);
        if (residual.size > 0) v += LOAD(residual.data + at + c);
        if (relu) v = v < 0.0f ? V{} : v;
        STORE(y.data + at + c, v);
      });
    }
  });
}

// With g = dy, or after a ReLU dy where y > 0 (y is empty without one), and h the normalised x: dx = gamma inverse (g - mean(g) - h mean(g h)); by gamma
// the sums of g h, by beta of g, and by a residual, if asked for, g.
void batch_norm_gradient(Call& call, const Attributes& attributes) {
  View dy = call.input(0), x = call.input(1), y = call.input(2), gamma = call.input(3), mean = call.input(4), inverse = call.input(5);
  const int64_t columns = x.columns(), rows = x.rows();
  call.require(dy.size == x.size && (y.size == 0 || y.size == x.size), "batch norm: shapes differ");
  call.require(gamma.size == columns && mean.size == columns && inverse.size == columns, "batch norm: one value for each channel is expected");
  const bool wanted = attributes.second != 0, relu = y.size > 0;
  View dx = call.output(0, x.dims), dgamma = call.output(1, {columns}), dbeta = call.output(2, {columns});
  View dresidual = call.output(3, wanted ? x.dims : std::vector<int64_t>{0});
  if (!call.ok()) return;
  float* const results[2] = {dbeta.data, dgamma.data};
  with_sums(rows, columns, 2, results, [&](int64_t begin, int64_t end, float* sums) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      along(columns, [&](int64_t c, int n) {
        V g = LOAD(dy.data + at + c);
        if (relu) g = LOAD(y.data + at + c) > 0.0f ? g : V{};
        add_to(sums + c, g, n);
        add_to(sums + columns + c, g * (LOAD(x.data + at + c) - LOAD(mean.data + c)), n);
      });
    }
  });
  std::vector<float> scale(columns), slope(columns), offset(columns);
  for (int64_t c = 0; c < columns; c++) {
    dgamma.data[c] *= inverse.data[c];
    scale[c] = gamma.data[c] * inverse.data[c];
    slope[c] = -scale[c] * inverse.data[c] * dgamma.data[c] / rows;
    offset[c] = -scale[c] * dbeta.data[c] / rows - slope[c] * mean.data[c];
  }
  by_rows(rows, columns, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t at = row * columns;
      along(columns, [&](int64_t c, int n) {
        V g = LOAD(dy.data + at + c);
        if (relu) g = LOAD(y.data + at + c) > 0.0f ? g : V{};
        STORE(dx.data + at + c, g * LOAD(scale.data() + c) + LOAD(x.data + at + c) * LOAD(slope.data() + c) + LOAD(offset.data() + c));
        if (wanted) {
          STORE(dresidual.data + at + c, g);
        }
      });
    }
  });
}

// ---- registration ----

struct Op {
  const char* name;
  std::vector<const char*> inputs, outputs;
  void (*compute)(void*, TF_OpKernelContext*);
};

template <void (*body)(Call&, const Attributes&)>
void compute(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  body(call, *static_cast<Attributes*>(kernel));
}

// Every op has both.
void* create(TF_OpKernelConstruction* construction) {
  auto* found = new Attributes;
  TF_Status* status = TF_NewStatus();
  float* const places[2] = {&found->first, &found->second};
  const char* const names[2] = {"first", "second"};
  for (int i = 0; i < 2; i++) TF_OpKernelConstruction_GetAttrFloat(construction, names[i], places[i], status);
  TF_DeleteStatus(status);
  return found;
}

void destroy(void* kernel) { delete static_cast<Attributes*>(kernel); }

const Op OPS[] = {
    {"GowideGelu", {"x", "bias"}, {"y"}, compute<gelu>},
    {"GowideGeluGrad", {"x", "bias", "dy"}, {"dx", "dbias"}, compute<gelu_gradient>},
    {"GowideNorm", {"x", "bias", "residual", "gamma", "beta"}, {"y", "hat", "inverse"}, compute<norm>},
    {"GowideNormGrad", {"dy", "hat", "inverse", "gamma"}, {"dx", "dgamma", "dbeta", "dbias"}, compute<norm_gradient>},
    {"GowideSoftmax", {"x", "bias"}, {"y"}, compute<softmax>},
    {"GowideSoftmaxGrad", {"p", "dp"}, {"dx"}, compute<softmax_gradient>},
    {"GowideSplitHeads", {"x", "bias"}, {"y"}, compute<split_heads>},
    {"GowideJoinHeads", {"x"}, {"y", "sums"}, compute<join_heads>},
    {"GowideScaleShift", {"x", "scale", "shift", "residual"}, {"y"}, compute<scale_shift>},
    {"GowideBatchNorm", {"x", "residual", "gamma", "beta"}, {"y", "mean", "variance", "inverse"}, compute<batch_norm>},
    {"GowideBatchNormGrad", {"dy", "x", "y", "gamma", "mean", "inverse"}, {"dx", "dgamma", "dbeta", "dresidual"}, compute<batch_norm_gradient>},
};

// The first thing that went wrong, or nothing.
std::string register_ops() {
  TF_Status* status = TF_NewStatus();
  std::string problem;
  for (const Op& op : OPS) {
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(op.name);
    for (const char* name : op.inputs) TF_OpDefinitionBuilderAddInput(definition, (std::string(name) + ": float").c_str());
    for (const char* name : op.outputs) TF_OpDefinitionBuilderAddOutput(definition, (std::string(name) + ": float").c_str());
    for (const char* name : {"first", "second"}) TF_OpDefinitionBuilderAddAttr(definition, (std::string(name) + ": float = 0").c_str());
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, [](TF_ShapeInferenceContext*, TF_Status*) {});
    TF_RegisterOpDefinition(definition, status);
    if (problem.empty() && TF_GetCode(status) != TF_OK) problem = TF_Message(status);
    if (TF_GetCode(status) != TF_OK) continue;
    TF_KernelBuilder* builder = TF_NewKernelBuilder(op.name, "CPU", create, op.compute, destroy);
    TF_RegisterKernelBuilder(op.name, builder, status);
    if (problem.empty() && TF_GetCode(status) != TF_OK) problem = TF_Message(status);
  }
  TF_DeleteStatus(status);
  return problem;
}

napi_value set_threads(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t threads = 1;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (count == 1) napi_get_value_int32(env, argument, &threads);
  pool().resize(threads);
  return nullptr;
}

napi_value init(napi_env env, napi_value exports) {
  static const std::string problem = register_ops();  // once in a process
  napi_value function;
  napi_create_function(env, "setThreads", NAPI_AUTO_LENGTH, set_threads, nullptr, &function);
  napi_set_named_property(env, exports, "setThreads", function);
  napi_value text;
  napi_create_string_utf8(env, problem.c_str(), problem.size(), &text);
  napi_set_named_property(env, exports, "problem", text);
  return exports;
}

}  // namespace

NAPI_MODULE(gowide_fused, init)
