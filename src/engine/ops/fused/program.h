// Programs: steps all of whose ops are ours, or hardly compute anything. Such a step is one op of
// TensorFlow's, which calls the bodies one after the other: no executor, no tensor for each value between them.
#pragma once
#include <node_api.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "moves.h"
#include "scratch.h"
#include "values.h"

namespace {

const struct {
  const char* name;
  void (*simple)(Call&, const Instruction&);
} SIMPLE[] = {
    {"Part", part},
    {"Pick", pick},
    {"Fill", pad},
    {"Join", join},
    {"Cut", cut},
    {"Gather", gather},
    {"SegmentSum", segment_sum},
    {"Floats", floats},
    {"Add", add},
    {"Sub", subtract},
    {"Mul", multiply_values},
    {"RealDiv", divide},
    {"SquaredDifference", squared_difference},
    {"Minimum", minimum},
    {"Maximum", maximum},
    {"AddWhole", add_whole},
    {"SubWhole", subtract_whole},
    {"MulWhole", multiply_whole},
    {"Sqrt", square_root},
    {"Square", square},
    {"Neg", negative},
    {"AddN", add_all},
    {"SumRows", sum_rows},
    {"SumColumns", sum_columns},
};

// Sizes as an error says them: [2,3].
std::string text_of(const Dims& dims) {
  std::string text;
  for (int64_t n : dims) text += (text.empty() ? "" : ",") + std::to_string(n);
  return "[" + text + "]";
}

// How many values the largest program that there is has in memory.
std::atomic<int64_t> most_values{0};

// Memory of this thread for so many values; what a program of before needed and none does now is given back.
float* memory(int64_t values) {
  thread_local Block block;
  block.shrink(std::max(values, most_values.load()));
  return block.of(values);
}

struct Program {
  std::vector<std::unique_ptr<Slot>> slots;       // the inputs' come first, the constants' next
  std::vector<std::pair<Slot*, int64_t>> placed;  // the values that lie in the memory, and their first lines
  int64_t lines = 0;
  std::vector<Slot*> results;
  std::vector<View> made;     // the tensors of this run's results
  std::vector<Slot*> direct;  // for each result the value that is made in its memory; none where it is copied
  std::vector<Instruction> instructions;
  size_t inputs = 0;

  void run(Call& outside) {
    settle();
    for (size_t i = 0; i < inputs; i++) {
      Slot& slot = *slots[i];
      slot.view = outside.input(static_cast<int>(i));
      if (outside.ok() && !(slot.view.dims == slot.dims)) {
        const std::string what =
            "program: input " + std::to_string(i) + " is " + text_of(slot.view.dims) + " and not " + text_of(slot.dims);
        outside.require(false, what.c_str());
      }
    }
    for (size_t i = 0; i < results.size() && outside.ok(); i++) {
      if (direct[i] == nullptr) continue;
      made[i] = outside.output(static_cast<int>(i), results[i]->dims);
      direct[i]->lend(made[i].data, made[i].size);
    }
    for (const Instruction& one : instructions) {
      if (!outside.ok()) return;
      Call call(one.inputs.data(), one.outputs.data(), outside.state());
      if (one.body != nullptr) one.body(call, one.attributes);
      else one.simple(call, one);
    }
    for (size_t i = 0; i < results.size() && outside.ok(); i++) {
      const View& from = results[i]->view;
      if (direct[i] != nullptr) {
        // what had no room there lies elsewhere
        outside.require(from.size == made[i].size && (from.size == 0 || from.data == made[i].data),
                        "program: a result has another size");
        continue;
      }
      const View to = outside.output(static_cast<int>(i), from.dims);
      if (outside.ok()) std::copy(from.data, from.data + from.size, to.data);
    }
  }

 private:
  // What is made lies in memory that all programs of a thread share: of a run nothing is left but its results.
  void settle() {
    float* const data = lines > 0 ? memory(lines * Slot::LINE) : nullptr;
    if (data == settled) return;
    for (const auto& [slot, line] : placed) slot->lend(data + line * Slot::LINE, slot->dims.product());
    settled = data;
  }

  float* settled = nullptr;
};

// All programs of the process, by number.
class Programs {
 public:
  int add(std::shared_ptr<Program> program) {
    std::lock_guard<std::mutex> lock(mutex);
    known[++last] = std::move(program);
    measure();
    return last;
  }
  void remove(int number) {
    std::lock_guard<std::mutex> lock(mutex);
    known.erase(number);
    measure();
  }
  std::shared_ptr<Program> find(int number) {
    std::lock_guard<std::mutex> lock(mutex);
    const auto found = known.find(number);
    return found == known.end() ? nullptr : found->second;
  }

 private:
  void measure() {
    int64_t most = 0;
    for (const auto& one : known) most = std::max(most, one.second->lines * Slot::LINE);
    most_values = most;
  }

  std::mutex mutex;
  std::map<int, std::shared_ptr<Program>> known;
  int last = 0;
};

Programs& programs() {
  static Programs* only = new Programs;
  return *only;
}

// Reads what program.ts writes: whole numbers and floats, each in turn.
struct Code {
  const int32_t* numbers;
  const float* values;
  size_t numbers_left, values_left;
  bool whole = true;

  int32_t number() {
    if (numbers_left == 0) whole = false;
    if (!whole) return 0;
    numbers_left--;
    return *numbers++;
  }
  float value() {
    if (values_left == 0) whole = false;
    if (!whole) return 0;
    values_left--;
    return *values++;
  }
  std::vector<int64_t> list() {
    std::vector<int64_t> found;
    for (int32_t left = number(); left > 0 && whole; left--) found.push_back(number());
    return found;
  }
};

// A program of so many inputs and values: the inputs' shapes; its constants (their number, then shape and values of
// each); of every value that is made its memory (a line of the program's, -1 where it has none of its own, -2 - i where
// it is the i-th result's) and its shape; how many lines there are; the values that it gives; and what it does, each an
// op's place among `names`, inputs, outputs, sizes and three numbers.
std::shared_ptr<Program> read_program(Code code, const std::vector<std::string>& names,
                                      Body (*body_of)(const std::string&), std::string& problem) {
  auto program = std::make_shared<Program>();
  program->inputs = static_cast<size_t>(code.number());
  const int32_t count = code.number(), constants = code.number();
  for (int32_t i = 0; i < count; i++) program->slots.push_back(std::make_unique<Slot>());
  const auto slots_of = [&](const Sizes& places) {
    std::vector<Slot*> found;
    for (int64_t place : places) {
      if (place < 0 || place >= count) code.whole = false;
      else found.push_back(program->slots[static_cast<size_t>(place)].get());
    }
    return found;
  };
  const auto dims = [&] {
    Dims found;
    for (int64_t n : code.list()) found.push_back(n);
    return found;
  };
  if (static_cast<size_t>(count) < program->inputs + static_cast<size_t>(constants)) code.whole = false;
  const size_t first = program->inputs + static_cast<size_t>(constants);
  for (size_t i = 0; i < program->inputs && code.whole; i++) program->slots[i]->dims = dims();
  for (size_t i = program->inputs; i < first && code.whole; i++) {
    const View constant = program->slots[i]->of(program->slots[i]->dims = dims());
    for (int64_t at = 0; at < constant.size && code.whole; at++) constant.data[at] = code.value();
  }
  std::vector<int64_t> memory;
  for (size_t i = first; i < program->slots.size() && code.whole; i++) {
    memory.push_back(code.number());
    program->slots[i]->dims = dims();
  }
  const int64_t lines = program->lines = code.number();
  program->results = slots_of(code.list());
  program->direct.resize(program->results.size());
  program->made.resize(program->results.size());
  for (size_t i = 0; i < memory.size() && code.whole; i++) {
    Slot* const slot = program->slots[first + i].get();
    const int64_t size = slot->dims.product(), line = memory[i], result = -2 - line;
    if (line >= 0 && line * Slot::LINE + size <= lines * Slot::LINE) program->placed.emplace_back(slot, line);
    else if (result >= 0 && result < static_cast<int64_t>(program->results.size()))
      program->direct[static_cast<size_t>(result)] = slot;
    else if (line != -1) code.whole = false;
  }
  while (code.whole && code.numbers_left > 0) {
    const auto name = static_cast<size_t>(code.number());
    Instruction one;
    one.inputs = slots_of(code.list());
    one.outputs = slots_of(code.list());
    one.sizes = code.list();
    one.attributes = {code.value(), code.value(), code.value()};
    if (name >= names.size()) break;
    one.body = body_of(names[name]);
    for (const auto& known : SIMPLE)
      if (names[name] == known.name) one.simple = known.simple;
    if (one.body == nullptr && one.simple == nullptr) problem = "a program has no op " + names[name];
    program->instructions.push_back(std::move(one));
  }
  if (!code.whole || code.numbers_left > 0) problem = "a program is not whole";
  return program;
}

std::string text_of(napi_env env, napi_value value) {
  size_t length = 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &length);
  std::string text(length, 0);
  napi_get_value_string_utf8(env, value, &text[0], length + 1, &length);
  return text;
}

// defineProgram(names of ops, Int32Array, Float32Array): its number
napi_value define_program(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  void* body_of = nullptr;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &body_of);
  std::vector<std::string> names;
  uint32_t length = 0;
  napi_get_array_length(env, arguments[0], &length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value name;
    napi_get_element(env, arguments[0], i, &name);
    names.push_back(text_of(env, name));
  }
  napi_typedarray_type type;
  void *numbers = nullptr, *values = nullptr;
  size_t numbers_left = 0, values_left = 0;
  napi_get_typedarray_info(env, arguments[1], &type, &numbers_left, &numbers, nullptr, nullptr);
  napi_get_typedarray_info(env, arguments[2], &type, &values_left, &values, nullptr, nullptr);
  std::string problem;
  auto program = read_program({static_cast<int32_t*>(numbers), static_cast<float*>(values), numbers_left, values_left},
                              names, reinterpret_cast<Body (*)(const std::string&)>(body_of), problem);
  if (!problem.empty()) {
    napi_throw_error(env, nullptr, problem.c_str());
    return nullptr;
  }
  napi_value number;
  napi_create_int32(env, programs().add(std::move(program)), &number);
  return number;
}

// removeProgram(number)
napi_value remove_program(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  int32_t number = 0;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  napi_get_value_int32(env, argument, &number);
  programs().remove(number);
  memory(0);
  return nullptr;
}

void* create_program(TF_OpKernelConstruction* construction) {
  TF_Status* status = TF_NewStatus();
  auto* number = new int64_t(0);
  TF_OpKernelConstruction_GetAttrInt64(construction, "program", number, status);
  TF_DeleteStatus(status);
  return number;
}

void compute_program(void* kernel, TF_OpKernelContext* context) {
  Call call(context);
  const auto program = programs().find(static_cast<int>(*static_cast<int64_t*>(kernel)));
  call.require(program != nullptr, "this program was removed");
  if (program != nullptr) program->run(call);
}

// Memory of a call that is no op's: of a tensor, or of an array of JavaScript's (trace/run-program.h has the same).
struct Operand {
  void* data;
  int64_t size;  // how many values
};

// Runs a program on memory that is there, and writes its results where they are asked for. TensorFlow's way to an op
// takes longer than a small program does.
void run_program(int32_t number, const Operand* given, size_t inputs, const Operand* asked, size_t results,
                 TF_Status* status) {
  FlushTiny flush;
  const auto program = programs().find(number);
  std::vector<Slot> slots(inputs + results);
  std::vector<Slot*> places;
  for (Slot& slot : slots) places.push_back(&slot);
  Call call(places.data(), places.data() + inputs, status);
  call.require(program != nullptr, "this program was removed");
  if (program == nullptr) return;
  const bool fits = inputs == program->inputs && results == program->results.size();
  call.require(fits, "program: it is given more or fewer tensors than it takes and makes");
  for (size_t i = 0; i < inputs && call.ok(); i++) {
    const Dims& dims = program->slots[i]->dims;
    slots[i].view = {static_cast<float*>(given[i].data), dims, given[i].size};
    call.require(given[i].size == dims.product(), "program: an input has another size");
  }
  for (size_t i = 0; i < results; i++) slots[inputs + i].lend(static_cast<float*>(asked[i].data), asked[i].size);
  if (call.ok()) program->run(call);
  for (size_t i = 0; i < results && call.ok(); i++) {
    const View& made = slots[inputs + i].view;
    // what had no room there lies elsewhere
    call.require(made.size == asked[i].size && (made.size == 0 || made.data == asked[i].data),
                 "program: a result has another size");
  }
}

// The op that runs a program: floats, then whole numbers, to floats. Empty, or what went wrong.
std::string register_programs(TF_Status* status) {
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder("GowideProgram");
  TF_OpDefinitionBuilderAddInput(definition, "floats: N * float");
  TF_OpDefinitionBuilderAddInput(definition, "ints: M * int32");
  TF_OpDefinitionBuilderAddOutput(definition, "results: R * float");
  for (const char* attribute : {"N: int >= 0", "M: int >= 0", "R: int >= 0", "program: int"})
    TF_OpDefinitionBuilderAddAttr(definition, attribute);
  TF_OpDefinitionBuilderSetIsStateful(definition, true);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, [](TF_ShapeInferenceContext*, TF_Status*) {});
  TF_RegisterOpDefinition(definition, status);
  if (TF_GetCode(status) != TF_OK) return TF_Message(status);
  const auto destroy = [](void* kernel) { delete static_cast<int64_t*>(kernel); };
  TF_RegisterKernelBuilder(
      "GowideProgram", TF_NewKernelBuilder("GowideProgram", "CPU", create_program, compute_program, destroy), status);
  return TF_GetCode(status) == TF_OK ? "" : TF_Message(status);
}

}  // namespace
