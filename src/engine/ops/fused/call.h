// Calls of TensorFlow: operands, results and attributes of an op.
#pragma once
#include <tensorflow/c/tf_status.h>
#include <tensorflow/c/tf_tensor.h>

#include <cstdint>
#include <vector>

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

struct View {
  float* data = nullptr;
  std::vector<int64_t> dims;
  int64_t size = 1;
  int64_t columns() const { return dims.empty() ? 1 : dims.back(); }
  int64_t rows() const { return columns() == 0 ? 0 : size / columns(); }
  // The same axes with another number of columns.
  std::vector<int64_t> with_columns(int64_t n) const {
    std::vector<int64_t> result = dims.empty() ? std::vector<int64_t>{1} : dims;
    result.back() = n;
    return result;
  }
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

// Each op has three numbers as attributes; what they are is said where it reads them.
struct Attributes {
  float first = 0, second = 0, third = 0;
};

}  // namespace
