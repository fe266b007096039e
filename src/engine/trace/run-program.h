// Programs of our own ops (ops/fused/program.h) run on tensors where they lie: past the eager context, whose way to an
// op takes twice as long as a small program.
#pragma once
#include <node_api.h>
#include <tensorflow/c/c_api.h>
#include <tensorflow/c/eager/c_api.h>

#include <string>
#include <vector>

#include "tfjs_backend.h"

namespace {

// Memory of a tensor, or of an array of JavaScript's, as ops/fused/program.h has it.
struct Operand {
  void* data;
  int64_t size;
};

using Runner = void (*)(int32_t program, const Operand* given, size_t inputs, const Operand* asked, size_t results,
                        TF_Status* status);

Operand array_of(napi_env env, napi_value value) {
  Operand found{nullptr, -1};
  napi_typedarray_type type;
  size_t size = 0;
  if (napi_get_typedarray_info(env, value, &type, &size, &found.data, nullptr, nullptr) == napi_ok)
    found.size = static_cast<int64_t>(size);
  return found;
}

// What is read and written in one call; the tensors are held until it is over.
class Operands {
 public:
  Operands(napi_env env, TF_Status* status) : status(status) {
    void* found = nullptr;
    napi_get_instance_data(env, &found);
    backend = static_cast<tfnodejs::TFJSBackend*>(found);
  }
  Operands(const Operands&) = delete;
  ~Operands() {
    for (TF_Tensor* tensor : held) TF_DeleteTensor(tensor);
  }
  void add(Operand operand) { all.push_back(operand); }
  void add_tensor(int32_t id) {
    const auto found = backend->tfe_handle_map_.find(id);
    if (found == backend->tfe_handle_map_.end()) {
      const std::string what = "Input Tensor ID not referenced (tensor_id: " + std::to_string(id) + ")";
      return TF_SetStatus(status, TF_INVALID_ARGUMENT, what.c_str());
    }
    TF_Tensor* const tensor = TFE_TensorHandleResolve(found->second, status);
    if (tensor == nullptr) return;
    held.push_back(tensor);
    add({TF_TensorData(tensor), TF_TensorElementCount(tensor)});
  }
  size_t size() const { return all.size(); }
  const Operand* data() const { return all.data(); }

 private:
  TF_Status* status;
  tfnodejs::TFJSBackend* backend;
  std::vector<Operand> all;
  std::vector<TF_Tensor*> held;
};

// runProgram(runner, program, ids, arrays): `ids` has the inputs' tensors, and -1 for one whose values are the next of
// the arrays. The arrays behind those are filled with the results. On the CPU only.
napi_value run_program(napi_env env, napi_callback_info info) {
  size_t count = 4;
  napi_value arguments[4];
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  void* runner = nullptr;
  int32_t program = 0;
  uint32_t arrays = 0, next = 0;
  napi_get_value_external(env, arguments[0], &runner);
  napi_get_value_int32(env, arguments[1], &program);
  const Operand ids = array_of(env, arguments[2]);
  napi_get_array_length(env, arguments[3], &arrays);
  const auto array = [&] {
    napi_value value;
    napi_get_element(env, arguments[3], next++, &value);
    return array_of(env, value);
  };
  TF_Status* const status = TF_NewStatus();
  {
    Operands given(env, status), asked(env, status);
    for (int64_t i = 0; i < ids.size && TF_GetCode(status) == TF_OK; i++) {
      const int32_t id = static_cast<const int32_t*>(ids.data)[i];
      if (id < 0) given.add(array());
      else given.add_tensor(id);
    }
    while (next < arrays) asked.add(array());
    if (TF_GetCode(status) == TF_OK)
      reinterpret_cast<Runner>(runner)(program, given.data(), given.size(), asked.data(), asked.size(), status);
  }
  if (TF_GetCode(status) != TF_OK) {
    const std::string code = std::to_string(TF_GetCode(status));
    napi_throw_error(env, nullptr, ("Invalid TF_Status: " + code + "\nMessage: " + TF_Message(status)).c_str());
  }
  TF_DeleteStatus(status);
  return nullptr;
}

}  // namespace
