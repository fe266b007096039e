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
#include "program.h"
#include "transformer.h"
#include "window.h"

namespace {

template <Body body>
void compute(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  body(call, *static_cast<Attributes*>(kernel));
}

struct Op {
  const char* name;
  std::vector<const char*> inputs, outputs;
  Body body;
  void (*compute)(void*, TF_OpKernelContext*);
};

template <Body body>
Op op(const char* name, std::vector<const char*> inputs, std::vector<const char*> outputs) {
  return {name, std::move(inputs), std::move(outputs), body, compute<body>};
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
    op<dense_gelu>("GowideDenseGelu", {"x", "matrix", "bias"}, {"y", "slope"}),
    op<gelu_gradient>("GowideGeluGrad", {"slope", "dy"}, {"dx", "dbias"}),
    op<norm>("GowideNorm", {"x", "gamma", "beta"}, {"y", "hat", "inverse"}),
    op<dense_norm>("GowideDenseNorm", {"x", "matrix", "bias", "residual", "gamma", "beta"}, {"y", "hat", "inverse"}),
    op<norm_gradient>("GowideNormGrad", {"dy", "hat", "inverse", "gamma"}, {"dx", "dgamma", "dbeta", "dbias"}),
    op<attention>("GowideAttention",
                  {"x", "to_q", "q_bias", "to_k", "k_bias", "to_v", "v_bias", "mask", "kept", "asking", "places"},
                  {"y", "weights", "q", "k", "v"}),
    op<attention_gradient>("GowideAttentionGrad", {"dy", "q", "k", "v", "weights", "kept"},
                           {"dq", "dk", "dv", "dq_bias", "dk_bias", "dv_bias"}),
    op<scale_shift>("GowideScaleShift", {"x", "scale", "shift", "residual"}, {"y"}),
    op<norm_affine>("GowideNormAffine", {"gamma", "beta", "mean", "variance"}, {"scale", "shift"}),
    op<batch_norm>("GowideBatchNorm", {"x", "residual", "gamma", "beta"}, {"y", "mean", "variance", "inverse"}),
    op<batch_norm_gradient>("GowideBatchNormGrad", {"dy", "x", "y", "gamma", "mean", "inverse"},
                            {"dx", "dgamma", "dbeta", "dresidual"}),
    op<convolution>("GowideConvolution", {"x", "filter", "numbers"}, {"y"}),
    op<convolution_input_gradient>("GowideConvolutionInputGrad", {"dy", "filter", "numbers"}, {"dx"}),
    op<convolution_filter_gradient>("GowideConvolutionFilterGrad", {"x", "dy", "numbers"}, {"dfilter"}),
    op<pixel_mean>("GowidePixelMean", {"x"}, {"y"}),
    op<pixel_mean_gradient>("GowidePixelMeanGrad", {"dy"}, {"dx"}),
    op<cross_entropy>("GowideCrossEntropy", {"logits", "targets", "shift"}, {"loss", "norms"}),
    op<cross_entropy_gradient>("GowideCrossEntropyGrad", {"dy", "logits", "targets", "norms", "shift"}, {"dlogits"}),
    op<divergence>("GowideDivergence", {"student", "teacher", "shift", "teacher_shift"}, {"loss", "norms"}),
    op<divergence_gradient>("GowideDivergenceGrad", {"dy", "student", "teacher", "norms", "shift", "teacher_shift"},
                            {"dstudent"}),
    op<squared_error>("GowideSquaredError", {"a", "b"}, {"loss", "unit"}),
    op<squared_error_gradient>("GowideSquaredErrorGrad", {"dy", "a", "b", "unit"}, {"da"}),
    op<dense>("GowideDense", {"x", "matrix", "bias"}, {"y"}),
    op<product>("GowideProduct", {"a", "b"}, {"y"}),
    op<column_sums>("GowideColumnSums", {"x"}, {"y"}),
    op<dense_tanh>("GowideDenseTanh", {"x", "matrix", "bias"}, {"y"}),
    op<dense_tanh_gradient>("GowideDenseTanhGrad", {"dy", "y", "x"}, {"dbefore", "dmatrix", "dbias"}),
    op<sgd>("GowideSgd", {"p", "v", "g", "factor", "decay", "numbers"}, {}),
    op<adamw>("GowideAdamw", {"p", "m", "v", "g", "factor", "decay", "numbers"}, {}),
    op<square_sum>("GowideSquareSum", {"x"}, {"y"}),
};

// The first thing that went wrong, or nothing.
std::string register_ops() {
  TF_Status* status = TF_NewStatus();
  std::string problem;
  for (const Op& op : OPS) {
    TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(op.name);
    for (const char* name : op.inputs)
      TF_OpDefinitionBuilderAddInput(definition, (std::string(name) + ": float").c_str());
    for (const char* name : op.outputs)
      TF_OpDefinitionBuilderAddOutput(definition, (std::string(name) + ": float").c_str());
    for (const char* name : ATTRIBUTES)
      TF_OpDefinitionBuilderAddAttr(definition, (std::string(name) + ": float = 0").c_str());
    TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, [](TF_ShapeInferenceContext*, TF_Status*) {});
    TF_RegisterOpDefinition(definition, status);
    if (problem.empty() && TF_GetCode(status) != TF_OK) problem = TF_Message(status);
    if (TF_GetCode(status) != TF_OK) continue;
    TF_KernelBuilder* builder = TF_NewKernelBuilder(op.name, "CPU", create, op.compute, destroy);
    TF_RegisterKernelBuilder(op.name, builder, status);
    if (problem.empty() && TF_GetCode(status) != TF_OK) problem = TF_Message(status);
  }
  if (problem.empty()) problem = register_programs(status);
  TF_DeleteStatus(status);
  return problem;
}

// The body of one of our ops; nothing where there is none of this name.
Body body_of(const std::string& name) {
  for (const Op& op : OPS)
    if (name == op.name) return op.body;
  return nullptr;
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
  napi_create_function(env, "defineProgram", NAPI_AUTO_LENGTH, define_program, reinterpret_cast<void*>(body_of),
                       &function);
  napi_set_named_property(env, exports, "defineProgram", function);
  napi_create_function(env, "removeProgram", NAPI_AUTO_LENGTH, remove_program, nullptr, &function);
  napi_set_named_property(env, exports, "removeProgram", function);
#if defined(__SSE__)
  // elsewhere TensorFlow alone has tiny numbers count as 0
  napi_value runner;
  napi_create_external(env, reinterpret_cast<void*>(run_program), nullptr, nullptr, &runner);
  napi_set_named_property(env, exports, "programRunner", runner);
#endif
  napi_value text;
  napi_create_string_utf8(env, problem.c_str(), problem.size(), &text);
  napi_set_named_property(env, exports, "problem", text);
  return exports;
}

}  // namespace

NAPI_MODULE(gowide_fused, init)
