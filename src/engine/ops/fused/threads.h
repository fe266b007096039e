// Work is cut into parts by the shapes alone, and sums over rows are added part by part, so that results do not depend
// on the number of threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "vector.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

namespace {

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
  int64_t size() const { return wanted; }

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
      while (static_cast<int>(threads.size()) < helpers)
        threads.emplace_back([this, id = static_cast<int>(threads.size())] { help(id); });
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

// The same with `sums` rows of column sums, which each part adds up for itself, from 0; the parts' sums are then added
// in their order.
template <typename Sum, typename F>
void sums_of_parts(int64_t rows, int64_t columns, int sums, Sum* const* results, const F& body) {
  const int64_t each = std::max<int64_t>(std::max<int64_t>(1, PART / std::max<int64_t>(1, columns)), (rows + 31) / 32);
  const int64_t parts = (rows + each - 1) / each;
  std::vector<Sum> partial(static_cast<size_t>(parts * sums * columns), Sum{});
  pool().run(parts, [&](int64_t part) {
    body(part * each, std::min(rows, (part + 1) * each), partial.data() + part * sums * columns);
  });
  for (int s = 0; s < sums; s++) {
    std::fill(results[s], results[s] + columns, Sum{});
    for (int64_t part = 0; part < parts; part++) {
      const Sum* mine = partial.data() + (part * sums + s) * columns;
      for (int64_t c = 0; c < columns; c++) results[s][c] += mine[c];
    }
  }
}

// Sums in float32, rows(begin, end, sums) for each part.
void with_sums(int64_t rows, int64_t columns, int sums, float* const* results,
               const std::function<void(int64_t, int64_t, float*)>& body) {
  sums_of_parts(rows, columns, sums, results, body);
}

constexpr int64_t RUN = 16;  // rows that are added up in float32

// As with_sums, with float64 sums: only RUN rows at a time are added up in float32. The sums of a batch norm decide
// what becomes of every value of their channel.
void with_exact_sums(int64_t rows, int64_t columns, int sums, double* const* results,
                     const std::function<void(int64_t, int64_t, float*)>& body) {
  const int64_t width = sums * columns;
  sums_of_parts(rows, columns, sums, results, [&](int64_t start, int64_t stop, double* mine) {
    std::vector<float> run(static_cast<size_t>(width));
    for (int64_t begin = start; begin < stop; begin += RUN) {
      std::fill(run.begin(), run.end(), 0.0f);
      body(begin, std::min(stop, begin + RUN), run.data());
      for (int64_t i = 0; i < width; i++) mine[i] += run[i];
    }
  });
}

inline void add_to(float* sums, V v, int n) {
  V s = n == W ? load(sums) : load(sums, n);
  s += v;
  STORE(sums, s);
}

}  // namespace
