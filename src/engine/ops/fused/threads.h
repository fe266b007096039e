// Work is cut into parts by the shapes alone, and sums over rows are added part by part, so that results do not depend
// on the number of threads.
#pragma once
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <limits>
#include <memory>
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

constexpr int64_t ALONE = 1 << 20;  // multiplications that one thread does sooner than two
constexpr int64_t ANY = std::numeric_limits<int64_t>::max();

// Tells the core that a loop waits.
inline void pause() {
#if defined(__SSE__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb");
#endif
}

// Threads that share parts of a piece of work. A small net hands out some hundred pieces a millisecond, of some
// microseconds each, and to wake a thread takes tens of them: so a helper that has nothing to do looks for the next
// piece for a while before it sleeps, and nobody waits for one that comes too late. Each thread begins with parts of
// its own, the same share of every piece, as the rows that it made before are in its cache; then it takes what others
// have left (docs/notes/2026-11-29-threads-of-a-small-step.md).
class Pool {
 public:
  void resize(int64_t threads) { wanted = std::max<int64_t>(1, threads); }
  int64_t size() const { return wanted; }

  // On how many threads so many multiplications are done soonest.
  int64_t worth(int64_t multiplications) const {
    return multiplications < ALONE ? 1 : std::min(wanted, multiplications / (ALONE / 2));
  }

  // body(part) for every part, on as many threads as are worth it.
  void run(int64_t parts, const std::function<void(int64_t)>& body, int64_t multiplications = ANY) {
    const int helpers = static_cast<int>(std::min(parts, worth(multiplications))) - 1;
    if (helpers <= 0) {
      FlushTiny flush;
      for (int64_t part = 0; part < parts; part++) body(part);
      return;
    }
    std::lock_guard<std::mutex> one(entry);
    grow(helpers);
    work = &body;
    const int count = helpers + 1;
    sharers = count;
    for (int i = 0; i < count; i++) {
      shares[i].next = parts * i / count;
      shares[i].end = parts * (i + 1) / count;
    }
    const uint64_t now = round.load() + 1;
    open = now;  // before the round: whoever sees that finds it open
    round = now;
    if (asleep.load() > 0) {
      // whoever is about to sleep has the lock, or has seen this round
      { std::lock_guard<std::mutex> lock(mutex); }
      wake.notify_all();
    }
    take(0);
    open = 0;
    for (int64_t looks = 0; busy.load() > 0; looks++) look(looks);
  }

 private:
  static constexpr int64_t LOOKS = 100;  // until others may have the core
  static constexpr std::chrono::microseconds PATIENCE{200};

  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };

  static void look(int64_t looks) {
    if (looks < LOOKS) pause();
    else std::this_thread::yield();
  }

  void grow(int helpers) {
    if (static_cast<int>(threads.size()) >= helpers) return;
    shares = std::make_unique<Share[]>(helpers + 1);
    while (static_cast<int>(threads.size()) < helpers)
      threads.emplace_back([this, id = static_cast<int>(threads.size()) + 1] { help(id); });
  }

  void take(int id) {
    FlushTiny flush;
    const int count = sharers.load();
    for (int i = 0; i < count; i++) {
      Share& share = shares[(id + i) % count];
      if (share.next.load() >= share.end) continue;
      for (int64_t part = share.next++; part < share.end; part = share.next++) (*work)(part);
    }
  }

  // Waits for a round after `seen`.
  uint64_t wait(uint64_t seen) {
    const auto begin = std::chrono::steady_clock::now();
    for (int64_t looks = 0;; looks++) {
      const uint64_t now = round.load();
      if (now != seen) return now;
      look(looks);
      if (looks % 64 == 63 && std::chrono::steady_clock::now() - begin > PATIENCE) break;
    }
    std::unique_lock<std::mutex> lock(mutex);
    asleep++;
    wake.wait(lock, [&] { return round.load() != seen; });
    asleep--;
    return round.load();
  }

  void help(int id) {
    for (uint64_t seen = 0;;) {
      seen = wait(seen);
      if (open.load() != seen || id >= sharers.load()) continue;
      // who begins a round does not end it before those that are counted here have left
      busy++;
      if (open.load() == seen) take(id);
      busy--;
    }
  }

  std::mutex entry, mutex;
  std::condition_variable wake;
  std::vector<std::thread> threads;  // they live as long as the process
  std::unique_ptr<Share[]> shares;
  const std::function<void(int64_t)>* work = nullptr;
  int64_t wanted = 1;
  std::atomic<int> sharers{0}, asleep{0}, busy{0};
  std::atomic<uint64_t> round{0}, open{0};  // the latest, and the one that helpers may take parts of, or 0
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
