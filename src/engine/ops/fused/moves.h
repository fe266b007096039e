// Values of a program that are moved, floats and whole numbers alike.
#pragma once
#include "instruction.h"

namespace {

inline void copy(const float* from, int64_t n, float* to) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
}

inline int32_t whole(const float* at) {
  int32_t number;
  std::memcpy(&number, at, sizeof number);
  return number;
}

// The same memory as other axes, from a place on for each output; sizes: these places.
void part(Call& call, const Instruction& self) {
  const View& from = self.inputs[0]->view;
  for (size_t i = 0; i < self.outputs.size(); i++) {
    const int64_t at = self.sizes[i];
    View& view = self.outputs[i]->view;
    view.dims = self.outputs[i]->dims;
    view.size = view.dims.product();
    view.data = from.data + at;
    call.require(at + view.size <= from.size, "program: a value cannot have this shape");
  }
}

// Values of the input in another order, or some of them; sizes: where they begin, and a loop over them.
void pick(Call&, const Instruction& self) {
  const float* const from = self.inputs[0]->view.data + self.sizes[0];
  float* const to = self.outputs[0]->made().data;
  const Loop loop(self.sizes.data() + 1, 1);
  const int64_t n = loop.inner(), step = loop.step(0);
  in_parts(loop.rows, n, [&](int64_t begin, int64_t end) {
    loop.each(begin, end, [&](int64_t row, const int64_t* at) {
      const float* const source = from + *at;
      float* const target = to + row * n;
      if (step == 1) copy(source, n, target);
      else
        for (int64_t i = 0; i < n; i++) copy(source + i * step, 1, target + i);
    });
  });
}

// The input within others that are one value, the second input's, or 0; sizes: where it begins, and a loop over the
// output's places.
void pad(Call&, const Instruction& self) {
  const float* const from = self.inputs[0]->view.data;
  const View& to = self.outputs[0]->made();
  const float other = self.inputs.size() > 1 ? *self.inputs[1]->view.data : 0.0f;
  in_parts(to.size, 1, [&](int64_t begin, int64_t end) { std::fill(to.data + begin, to.data + end, other); });
  const Loop loop(self.sizes.data() + 1, 1);
  const int64_t n = loop.inner();
  if (self.inputs[0]->view.size == 0) return;
  in_parts(loop.rows, n, [&](int64_t begin, int64_t end) {
    loop.each(begin, end,
              [&](int64_t row, const int64_t* at) { copy(from + row * n, n, to.data + self.sizes[0] + *at); });
  });
}

// Inputs side by side; sizes: rows, then how many values of each input a row has.
void join(Call&, const Instruction& self) {
  const View& all = self.outputs[0]->made();
  const int64_t rows = self.sizes[0], columns = rows == 0 ? 0 : all.size / rows;
  in_parts(rows, columns, [&](int64_t begin, int64_t end) {
    float* to = all.data + begin * columns;
    for (int64_t row = begin; row < end; row++) {
      for (size_t i = 0; i < self.inputs.size(); i++) {
        const int64_t n = self.sizes[i + 1];
        copy(self.inputs[i]->view.data + row * n, n, to);
        to += n;
      }
    }
  });
}

// The inverse of join: outputs that stand side by side in the input.
void cut(Call&, const Instruction& self) {
  const View& all = self.inputs[0]->view;
  const int64_t rows = self.sizes[0], columns = rows == 0 ? 0 : all.size / rows;
  for (Slot* output : self.outputs) output->made();
  in_parts(rows, columns, [&](int64_t begin, int64_t end) {
    const float* from = all.data + begin * columns;
    for (int64_t row = begin; row < end; row++) {
      for (size_t i = 0; i < self.outputs.size(); i++) {
        const int64_t n = self.sizes[i + 1];
        copy(from, n, self.outputs[i]->view.data + row * n);
        from += n;
      }
    }
  });
}

// Where a value of a tensor is, as TensorFlow says it: [1,2], or nothing of a scalar.
std::string place_of(const Dims& dims, int64_t at) {
  std::string text;
  for (size_t axis = dims.size(); axis-- > 0; at /= dims[axis])
    text = std::to_string(at % dims[axis]) + (text.empty() ? "" : "," + text);
  return dims.empty() ? "" : "[" + text + "]";
}

// Rows of the first input by their numbers, the second.
void gather(Call& call, const Instruction& self) {
  const View &from = self.inputs[0]->view, &indices = self.inputs[1]->view;
  const View& to = self.outputs[0]->made();
  const int64_t rows = from.dims[0], n = indices.size == 0 ? 0 : to.size / indices.size;
  for (int64_t i = 0; i < indices.size; i++) {
    const int64_t index = whole(indices.data + i);
    if (index < 0 || index >= rows) {
      const std::string what = "indices" + place_of(indices.dims, i) + " = " + std::to_string(index) +
                               " is not in [0, " + std::to_string(rows) + ")";
      return call.require(false, what.c_str());
    }
  }
  in_parts(indices.size, n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) copy(from.data + whole(indices.data + i) * n, n, to.data + i * n);
  });
}

// Sums of the first input's rows whose number, the second input, is the same; rows with negative numbers are left out.
void segment_sum(Call& call, const Instruction& self) {
  const View &from = self.inputs[0]->view, &ids = self.inputs[1]->view;
  const View& to = self.outputs[0]->made();
  const int64_t rows = to.dims[0], n = ids.size == 0 ? 0 : from.size / ids.size,
                columns = rows == 0 ? 0 : to.size / rows;
  for (int64_t i = 0; i < ids.size; i++) {
    const int64_t id = whole(ids.data + i);
    if (id < rows) continue;
    const std::string what = "segment_ids" + place_of(ids.dims, i) + " = " + std::to_string(id) +
                             " is out of range [0, " + std::to_string(rows) + ")";
    return call.require(false, what.c_str());
  }
  in_parts(rows, columns, [&](int64_t begin, int64_t end) {
    std::fill(to.data + begin * columns, to.data + end * columns, 0.0f);
    for (int64_t i = 0; i < ids.size; i++) {
      const int64_t id = whole(ids.data + i);
      if (id < begin || id >= end) continue;
      const float* const row = from.data + i * n;
      float* const sum = to.data + id * n;
      along(n, [&](int64_t c, int n) { STORE(sum + c, LOAD(sum + c) + LOAD(row + c)); });
    }
  });
}

}  // namespace
