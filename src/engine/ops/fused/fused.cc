// Ops of our own in TensorFlow, each a chain of steps that passes over memory once; what each computes, and its
// gradient: fused.ts. A Node-API addon: loading it registers the ops with the TensorFlow that is in the process.
// Float32, CPU.
#include <node_api.h>
#include <tensorflow/c/ops.h>

#include <string>

#include "attention.h"
#include "convolution.h"
#include "loss.h"
#include "optimizer.h"
#include "plain.h"
#include "transformer.h"

namespace {

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

constexpr const char* ATTRIBUTES[] = {"first", "second", "third"};

// Every op has all of them.
void* create(TF_OpKernelConstruction* construction) {
  auto* found = new Attributes;
  TF_Status* status = TF_NewStatus();
  float* const places[] = {&found->first, &found->second, &found->third};
  for (int i = 0; i < 3; i++) TF_OpKernelConstruction_GetAttrFloat(construction, ATTRIBUTES[i], places[i], status);
  TF_DeleteStatus(status);
  return found;
}

void destroy(void* kernel) { delete static_cast<Attributes*>(kernel); }

const Op OPS[] = {
    {"GowideDenseGelu", {"x", "matrix", "bias"}, {"y", "before"}, compute<dense_gelu>},
    {"GowideGeluGrad", {"x", "bias", "dy"}, {"dx", "dbias"}, compute<gelu_gradient>},
    {"GowideNorm", {"x", "gamma", "beta"}, {"y", "hat", "inverse"}, compute<norm>},
    {"GowideDenseNorm", {"x", "matrix", "bias", "residual", "gamma", "beta"}, {"y", "hat", "inverse"}, compute<dense_norm>},
    {"GowideNormGrad", {"dy", "hat", "inverse", "gamma"}, {"dx", "dgamma", "dbeta", "dbias"}, compute<norm_gradient>},
    {"GowideAttention", {"x", "to_q", "q_bias", "to_k", "k_bias", "to_v", "v_bias", "mask", "kept"}, {"y", "weights", "q", "k", "v"}, compute<attention>},
    {"GowideAttentionGrad", {"dy", "q", "k", "v", "weights", "kept"}, {"dq", "dk", "dv", "dq_bias", "dk_bias", "dv_bias"}, compute<attention_gradient>},
    {"GowideScaleShift", {"x", "scale", "shift", "residual"}, {"y"}, compute<scale_shift>},
    {"GowideBatchNorm", {"x", "residual", "gamma", "beta"}, {"y", "mean", "variance", "inverse"}, compute<batch_norm>},
    {"GowideBatchNormGrad", {"dy", "x", "y", "gamma", "mean", "inverse"}, {"dx", "dgamma", "dbeta", "dresidual"}, compute<batch_norm_gradient>},
    {"GowideCrossEntropy", {"logits", "targets"}, {"loss", "norms"}, compute<cross_entropy>},
    {"GowideCrossEntropyGrad", {"dy", "logits", "targets", "norms"}, {"dlogits"}, compute<cross_entropy_gradient>},
    {"GowideDenseTanh", {"x", "matrix", "bias"}, {"y"}, compute<dense_tanh>},
    {"GowideDenseTanhGrad", {"dy", "y", "x"}, {"dbefore", "dmatrix", "dbias"}, compute<dense_tanh_gradient>},
    {"GowideSgd", {"p", "v", "g", "factor", "decay", "numbers"}, {}, compute<sgd>},
    {"GowideAdamw", {"p", "m", "v", "g", "factor", "decay", "numbers"}, {}, compute<adamw>},
    {"GowideSquareSum", {"x"}, {"y"}, compute<square_sum>},
};

// The first thing that went wrong, or nothing.
std::string register_ops() {
  TF_Status* status = TF_NewStatus();
  std::string problem;
  for (const Op& op : OPS) {
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(op.name);
    for (const char* name : op.inputs) TF_OpDefinitionBuilderAddInput(definition, (std::string(name) + ": float").c_str());
    for (const char* name : op.outputs) TF_OpDefinitionBuilderAddOutput(definition, (std::string(name) + ": float").c_str());
    for (const char* name : ATTRIBUTES) TF_OpDefinitionBuilderAddAttr(definition, (std::string(name) + ": float = 0").c_str());
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
