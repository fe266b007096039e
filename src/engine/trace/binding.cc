// The addon of @tensorflow/tfjs-node-gpu as published, and functions that it lacks: `defineFunction` makes a function
// of TensorFlow's eager context from a recorded list of ops, which is then called by its name like any op
// (recorder.ts); `runProgram` runs a program of ours where its tensors lie (run-program.h).
#include <node_api.h>
#include <tensorflow/c/c_api.h>
#include <tensorflow/c/eager/c_api.h>

#include <memory>
#include <string>
#include <unordered_map>

namespace {

// The context in which the published code runs its ops; it keeps it to itself.
TFE_Context* eager_context = nullptr;

TFE_Context* open_context(const TFE_ContextOptions* options, TF_Status* status) {
  return eager_context = TFE_NewContext(options, status);
}

}  // namespace

// The tensors of an environment by their ids, which the published code keeps to itself, too.
#define private public
#include "tfjs_backend.h"
#undef private

#define TFE_NewContext open_context
#include "tfjs_backend.cc"
#undef TFE_NewContext

#undef NAPI_MODULE
#define NAPI_MODULE(name, init) \
  napi_value published_exports(napi_env env, napi_value exports) { return init(env, exports); }
#include "tfjs_binding.cc"
#undef NAPI_MODULE

#include "function.h"
#include "run-program.h"

NAPI_MODULE_INIT() {
  exports = tfnodejs::published_exports(env, exports);
  napi_value function;
  napi_create_function(env, "defineFunction", NAPI_AUTO_LENGTH, define_function, &eager_context, &function);
  napi_set_named_property(env, exports, "defineFunction", function);
  napi_create_function(env, "removeFunction", NAPI_AUTO_LENGTH, remove_function, &eager_context, &function);
  napi_set_named_property(env, exports, "removeFunction", function);
  napi_create_function(env, "runProgram", NAPI_AUTO_LENGTH, run_program, nullptr, &function);
  napi_set_named_property(env, exports, "runProgram", function);
  return exports;
}
