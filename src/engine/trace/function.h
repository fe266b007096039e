// A recorded list of ops as a function of TensorFlow's eager context.
#pragma once
#include <node_api.h>
#include <tensorflow/c/c_api.h>
#include <tensorflow/c/eager/c_api.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

// A JavaScript value of the recorder's; what has another type than expected reads as nothing.
struct Value {
  napi_env env;
  napi_value value;

  Value operator[](const char* name) const {
    napi_value found;
    napi_get_named_property(env, value, name, &found);
    return {env, found};
  }
  Value operator[](uint32_t index) const {
    napi_value found;
    napi_get_element(env, value, index, &found);
    return {env, found};
  }
  uint32_t length() const {
    uint32_t count = 0;
    napi_get_array_length(env, value, &count);
    return count;
  }
  bool is_array() const {
    bool answer = false;
    napi_is_array(env, value, &answer);
    return answer;
  }
  double number() const {
    double found = 0;
    napi_get_value_double(env, value, &found);
    return found;
  }
  uint32_t index() const { return static_cast<uint32_t>(number()); }
  bool boolean() const {
    bool found = false;
    napi_get_value_bool(env, value, &found);
    return found;
  }
  std::string text() const {
    size_t length = 0;
    napi_get_value_string_utf8(env, value, nullptr, 0, &length);
    std::string found(length, 0);
    napi_get_value_string_utf8(env, value, &found[0], length + 1, &length);
    return found;
  }
  template <class T>
  std::vector<T> numbers() const {
    std::vector<T> found;
    for (uint32_t i = 0; i < length(); i++) found.push_back(static_cast<T>((*this)[i].number()));
    return found;
  }
};

// Fields of a serialized protocol buffer, of which only those with a length are looked into.
struct Message {
  const uint8_t* at;
  const uint8_t* end;

  uint64_t varint() {
    uint64_t number = 0;
    for (int shift = 0; at < end; shift += 7) {
      const uint8_t byte = *at++;
      number |= uint64_t(byte & 127) << shift;
      if ((byte & 128) == 0) break;
    }
    return number;
  }
  bool next(uint32_t& field, Message& content) {
    while (at < end) {
      const uint64_t tag = varint();
      field = static_cast<uint32_t>(tag >> 3);
      switch (tag & 7) {
        case 0: varint(); break;
        case 1: at += 8; break;
        case 2: {
          const uint64_t length = varint();
          content = {at, at + length};
          at += length;
          return true;
        }
        case 5: at += 4; break;
        default: return false;
      }
    }
    return false;
  }
  std::string text() const { return std::string(reinterpret_cast<const char*>(at), static_cast<size_t>(end - at)); }
};

// For each argument of an op, the attribute that counts its tensors; empty where it is a single one. From the OpDef
// message: input_arg is field 2, in it number_attr field 5 and type_list_attr field 6.
const std::vector<std::string>& arguments_of(TF_Graph* graph, const std::string& op, TF_Status* status) {
  static std::map<std::string, std::vector<std::string>> known;
  auto found = known.find(op);
  if (found != known.end()) return found->second;
  std::vector<std::string> arguments;
  TF_Buffer* buffer = TF_NewBuffer();
  TF_GraphGetOpDef(graph, op.c_str(), buffer, status);
  const auto* data = static_cast<const uint8_t*>(buffer->data);
  Message definition{data, data + buffer->length}, argument{}, content{};
  uint32_t field = 0;
  while (definition.next(field, argument)) {
    if (field != 2) continue;
    std::string count;
    while (argument.next(field, content))
      if (field == 5 || field == 6) count = content.text();
    arguments.push_back(count);
  }
  TF_DeleteBuffer(buffer);
  return known[op] = arguments;
}

TF_Tensor* tensor_of(const Value& node) {
  const auto dims = node["shape"].numbers<int64_t>();
  const auto type = static_cast<TF_DataType>(node["dtype"].index());
  napi_typedarray_type kind;
  size_t count = 0;
  void* data = nullptr;
  napi_get_typedarray_info(node.env, node["values"].value, &kind, &count, &data, nullptr, nullptr);
  const size_t bytes = count * TF_DataTypeSize(type);
  TF_Tensor* tensor = TF_AllocateTensor(type, dims.data(), static_cast<int>(dims.size()), bytes);
  if (type == TF_INT64) {  // tfjs holds these as 32-bit integers
    for (size_t i = 0; i < count; i++) static_cast<int64_t*>(TF_TensorData(tensor))[i] = static_cast<int32_t*>(data)[i];
  } else if (bytes > 0) {
    memcpy(TF_TensorData(tensor), data, bytes);
  }
  return tensor;
}

void set_attribute(TF_OperationDescription* description, const Value& attribute) {
  const std::string name = attribute["name"].text();
  const char* key = name.c_str();
  const Value value = attribute["value"];
  switch (attribute["type"].index()) {
    case TF_ATTR_STRING: {
      const std::string text = value.text();
      return TF_SetAttrString(description, key, text.data(), text.size());
    }
    case TF_ATTR_INT: {
      if (!value.is_array()) return TF_SetAttrInt(description, key, static_cast<int64_t>(value.number()));
      const auto list = value.numbers<int64_t>();
      return TF_SetAttrIntList(description, key, list.data(), static_cast<int>(list.size()));
    }
    case TF_ATTR_FLOAT: {
      if (!value.is_array()) return TF_SetAttrFloat(description, key, static_cast<float>(value.number()));
      const auto list = value.numbers<float>();
      return TF_SetAttrFloatList(description, key, list.data(), static_cast<int>(list.size()));
    }
    case TF_ATTR_BOOL: return TF_SetAttrBool(description, key, value.boolean());
    case TF_ATTR_TYPE: return TF_SetAttrType(description, key, static_cast<TF_DataType>(value.index()));
    case TF_ATTR_SHAPE: {
      const auto dims = value.numbers<int64_t>();
      return TF_SetAttrShape(description, key, dims.data(), static_cast<int>(dims.size()));
    }
  }
}

class Builder {
 public:
  explicit Builder(const Value& nodes) : graph(TF_NewGraph()), status(TF_NewStatus()) {
    for (uint32_t i = 0; i < nodes.length() && ok(); i++) {
      napi_handle_scope scope;
      napi_open_handle_scope(nodes.env, &scope);
      add(nodes[i], i);
      napi_close_handle_scope(nodes.env, scope);
    }
  }
  ~Builder() {
    TF_DeleteGraph(graph);
    TF_DeleteStatus(status);
  }

  void define(TFE_Context* context, const std::string& name, const Value& inputs, const Value& outputs,
              const Value& effects) {
    if (!ok()) return;
    std::vector<TF_Output> given, results;
    std::vector<TF_Operation*> always;
    for (uint32_t i = 0; i < inputs.length(); i++) given.push_back({operations[inputs[i].index()], 0});
    for (uint32_t i = 0; i < outputs.length(); i++) results.push_back(output(outputs[i]));
    for (uint32_t i = 0; i < effects.length(); i++) always.push_back(operations[effects[i].index()]);
    TF_Function* function = TF_GraphToFunctionWithControlOutputs(
        graph, name.c_str(), 0, -1, nullptr, static_cast<int>(given.size()), given.data(),
        static_cast<int>(results.size()), results.data(), nullptr, static_cast<int>(always.size()), always.data(),
        nullptr, nullptr, nullptr, status);
    if (ok()) TFE_ContextAddFunction(context, function, status);
    if (function != nullptr) TF_DeleteFunction(function);
  }

  bool ok() const { return TF_GetCode(status) == TF_OK; }
  std::string problem() const { return where + TF_Message(status); }

 private:
  TF_Output output(const Value& pair) const {
    return {operations[pair[0u].index()], static_cast<int>(pair[1u].index())};
  }

  void add(const Value& node, uint32_t number) {
    const std::string op = node["op"].text(), name = "op" + std::to_string(number);
    where = op + ": ";
    TF_OperationDescription* description = TF_NewOperation(graph, op.c_str(), name.c_str());
    if (op == "Const") {
      TF_Tensor* tensor = tensor_of(node);
      TF_SetAttrTensor(description, "value", tensor, status);
      TF_SetAttrType(description, "dtype", TF_TensorType(tensor));
      TF_DeleteTensor(tensor);
    } else if (op == "Placeholder") {
      const auto dims = node["shape"].numbers<int64_t>();
      TF_SetAttrType(description, "dtype", static_cast<TF_DataType>(node["dtype"].index()));
      TF_SetAttrShape(description, "shape", dims.data(), static_cast<int>(dims.size()));
    } else {
      connect(description, op, node);
    }
    operations.push_back(TF_FinishOperation(description, status));
  }

  // A list of arguments takes the inputs that the single ones leave; where there are several, the attributes
  // count them.
  void connect(TF_OperationDescription* description, const std::string& op, const Value& node) {
    const auto& arguments = arguments_of(graph, op, status);
    const Value inputs = node["inputs"], attributes = node["attributes"], after = node["after"];
    uint32_t singles = 0, next = 0;
    std::string counted;
    for (const auto& count : arguments) singles += count.empty();
    const bool several = arguments.size() - singles > 1;
    for (const auto& count : arguments) {
      if (count.empty()) {
        TF_AddInput(description, output(inputs[next++]));
        continue;
      }
      std::vector<TF_Output> list;
      uint32_t left = several ? number_of(attributes, count) : inputs.length() - singles;
      for (; left > 0; left--) list.push_back(output(inputs[next++]));
      TF_AddInputList(description, list.data(), static_cast<int>(list.size()));
      counted = count;  // known from the list
    }
    for (uint32_t i = 0; i < after.length(); i++) TF_AddControlInput(description, operations[after[i].index()]);
    for (uint32_t i = 0; i < attributes.length(); i++)
      if (attributes[i]["name"].text() != counted) set_attribute(description, attributes[i]);
  }

  static uint32_t number_of(const Value& attributes, const std::string& name) {
    for (uint32_t i = 0; i < attributes.length(); i++)
      if (attributes[i]["name"].text() == name) return attributes[i]["value"].index();
    return 0;
  }

  TF_Graph* graph;
  TF_Status* status;
  std::vector<TF_Operation*> operations;
  std::string where;
};

TFE_Context* context_of(napi_env env, napi_callback_info info, size_t count, napi_value* arguments) {
  void* context = nullptr;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &context);
  return *static_cast<TFE_Context**>(context);
}

// defineFunction(name, nodes, inputs, outputs, effects): nodes are {op, inputs: [node, output][], attributes, after},
// or {op: 'Const', shape, dtype, values}, or {op: 'Placeholder', shape, dtype}; effects are nodes that run whatever is
// asked.
napi_value define_function(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  TFE_Context* context = context_of(env, info, 5, arguments);
  const auto argument = [&](int i) { return Value{env, arguments[i]}; };
  Builder builder(argument(1));
  builder.define(context, argument(0).text(), argument(2), argument(3), argument(4));
  if (!builder.ok()) napi_throw_error(env, nullptr, builder.problem().c_str());
  return nullptr;
}

// removeFunction(name)
napi_value remove_function(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  TFE_Context* context = context_of(env, info, 1, arguments);
  TF_Status* status = TF_NewStatus();
  TFE_ContextRemoveFunction(context, Value{env, arguments[0]}.text().c_str(), status);
  TF_DeleteStatus(status);
  return nullptr;
}

}  // namespace
