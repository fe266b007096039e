// Calls of TensorFlow, or of a program (program.h): operands, results and attributes of an op.
#pragma once
#include <tensorflow/c/tf_status.h>
#include <tensorflow/c/tf_tensor.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <vector>

// From tensorflow/c/kernels.h, which needs headers that are not installed.
extern "C" {
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
TF_KernelBuilder* TF_NewKernelBuilder(const char* op, const char* device, void* (*create)(TF_OpKernelConstruction*),
                                      void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*));
void TF_RegisterKernelBuilder(const char* name, TF_KernelBuilder* builder, TF_Status* status);
void TF_GetInput(TF_OpKernelContext* context, int index, TF_Tensor** tensor, TF_Status* status);
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext* context, int index, TF_DataType type, const int64_t* dims, int count,
                             size_t bytes, TF_Status* status);
void TF_OpKernelContext_Failure(TF_OpKernelContext* context, TF_Status* status);
void TF_OpKernelConstruction_GetAttrFloat(TF_OpKernelConstruction* construction, const char* name, float* value,
                                          TF_Status* status);
void TF_OpKernelConstruction_GetAttrInt64(TF_OpKernelConstruction* construction, const char* name, int64_t* value,
                                          TF_Status* status);
}

namespace {

// Sizes of a tensor's axes. A small step asks for hundreds of them, so they need no memory from the system.
class Dims {
 public:
  static constexpr int MOST = 8;
  Dims() = default;
  Dims(std::initializer_list<int64_t> given) {
    for (int64_t n : given) push_back(n);
  }
  // Beyond the most that there may be, nothing is added: Call refuses such tensors.
  void push_back(int64_t n) {
    if (count < MOST) sizes[count++] = n;
  }
  bool empty() const { return count == 0; }
  size_t size() const { return static_cast<size_t>(count); }
  const int64_t* data() const { return sizes; }
  const int64_t* begin() const { return sizes; }
  const int64_t* end() const { return sizes + count; }
  int64_t& back() { return sizes[count - 1]; }
  int64_t back() const { return sizes[count - 1]; }
  int64_t operator[](size_t axis) const { return sizes[axis]; }
  bool operator==(const Dims& other) const { return std::equal(begin(), end(), other.begin(), other.end()); }
  int64_t product() const {
    int64_t size = 1;
    for (int64_t n : *this) size *= n;
    return size;
  }

 private:
  int64_t sizes[MOST] = {};
  int count = 0;
};

struct View {
  float* data = nullptr;
  Dims dims;
  int64_t size = 1;
  int64_t columns() const { return dims.empty() ? 1 : dims.back(); }
  int64_t rows() const { return columns() == 0 ? 0 : size / columns(); }
  // The same axes with another number of columns.
  Dims with_columns(int64_t n) const {
    Dims result = dims.empty() ? Dims{1} : dims;
    result.back() = n;
    return result;
  }
};

// A value of a program: what an op made of it in this run. Its memory stays from run to run, or is lent to it by a
// plan, in which others have it before and after.
struct Slot {
  View view;
  Dims dims;  // what is to be made of it, where this is known

  Slot() = default;
  Slot(const Slot&) = delete;
  ~Slot() { std::free(memory); }
  void lend(float* place, int64_t values) {
    lent = place;
    room = values;
  }
  const View& of(const Dims& dims) {
    const int64_t size = dims.product();
    if (size <= room && lent != nullptr) return view = {lent, dims, size};
    if (size > capacity || memory == nullptr) {
      std::free(memory);
      capacity = (size + LINE) / LINE * LINE;
      memory =
          static_cast<float*>(std::aligned_alloc(LINE * sizeof(float), static_cast<size_t>(capacity) * sizeof(float)));
      if (memory == nullptr) throw std::bad_alloc();
    }
    return view = {memory, dims, size};
  }
  const View& made() { return of(dims); }

  static constexpr int64_t LINE = 16;  // values of a line of the cache

 private:
  float* memory = nullptr;
  float* lent = nullptr;
  int64_t capacity = 0, room = 0;
};

class Call {
 public:
  explicit Call(TF_OpKernelContext* given) : context(given), status(TF_NewStatus()) {}
  // A call within a program, whose status it shares.
  Call(Slot* const* inputs, Slot* const* outputs, TF_Status* given)
      : given_slots(inputs), made_slots(outputs), status(given) {}
  Call(const Call&) = delete;
  ~Call() {
    if (context == nullptr) return;
    if (TF_GetCode(status) != TF_OK) TF_OpKernelContext_Failure(context, status);
    for (TF_Tensor* tensor : held) TF_DeleteTensor(tensor);
    TF_DeleteStatus(status);
  }

  View input(int index) {
    if (context == nullptr) return given_slots[index]->view;
    TF_Tensor* tensor = nullptr;
    if (ok()) TF_GetInput(context, index, &tensor, status);
    return view(tensor);
  }

  View output(int index, const Dims& dims) {
    if (context == nullptr) return made_slots[index]->of(dims);
    const size_t bytes = sizeof(float) * static_cast<size_t>(dims.product());
    TF_Tensor* tensor = nullptr;
    if (ok())
      tensor = TF_AllocateOutput(context, index, TF_FLOAT, dims.data(), static_cast<int>(dims.size()), bytes, status);
    return view(tensor);
  }

  void require(bool condition, const char* what) {
    if (ok() && !condition) TF_SetStatus(status, TF_INVALID_ARGUMENT, what);
  }

  bool ok() const { return TF_GetCode(status) == TF_OK; }
  TF_Status* state() const { return status; }

 private:
  View view(TF_Tensor* tensor) {
    View result;
    if (tensor == nullptr) return result;
    held.push_back(tensor);
    require(TF_NumDims(tensor) <= Dims::MOST, "tensors of at most 8 axes are expected");
    result.data = static_cast<float*>(TF_TensorData(tensor));
    for (int i = 0; i < TF_NumDims(tensor); i++) result.dims.push_back(TF_Dim(tensor, i));
    result.size = result.dims.product();
    return result;
  }

  TF_OpKernelContext* context = nullptr;
  Slot* const* given_slots = nullptr;
  Slot* const* made_slots = nullptr;
  TF_Status* status;
  std::vector<TF_Tensor*> held;
};

// Each op has three numbers as attributes; what they are is said where it reads them.
struct Attributes {
  float first = 0, second = 0, third = 0;
};

}  // namespace
