// Memory of a thread.
#pragma once
#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#include "vector.h"

namespace {

// Length of rows of whole vectors: an odd number of them, or else rows would share the same few places of the cache.
inline int64_t stride_of(int64_t n) { return ((n + W - 1) / W | 1) * W; }

// Memory in one piece, of large pages where the system gives them when asked: small ones that lie badly share places of
// the second level of the cache.
class Block {
 public:
  Block() = default;
  Block(const Block&) = delete;
  ~Block() { std::free(data); }
  float* of(int64_t values) {
    if (values > size) {
      std::free(data);
      size = in_pages(values);
      data = static_cast<float*>(std::aligned_alloc(PAGE, static_cast<size_t>(size) * sizeof(float)));
      if (data == nullptr) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
      madvise(data, static_cast<size_t>(size) * sizeof(float), MADV_HUGEPAGE);
#endif
    }
    return data;
  }
  // Gives the memory back where it has room for more values than these.
  void shrink(int64_t values) {
    if (size <= in_pages(values)) return;
    std::free(data);
    data = nullptr;
    size = 0;
  }

 private:
  static constexpr int64_t PAGE = 2 << 20;
  static int64_t in_pages(int64_t values) {
    constexpr int64_t value = sizeof(float);
    return (values * value + PAGE - 1) / PAGE * PAGE / value;
  }
  float* data = nullptr;
  int64_t size = 0;
};

// Pieces of whole vectors, for one part of the work; they live until the thread's next one.
class Scratch {
 public:
  explicit Scratch(int64_t values) {
    thread_local Block memory;
    next = memory.of(values);
  }
  float* take(int64_t values) {
    float* piece = next;
    next += values;
    return piece;
  }

 private:
  float* next;
};

}  // namespace
