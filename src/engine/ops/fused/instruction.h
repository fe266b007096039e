// What a program does, one after the other (program.h): our ops' bodies, and simple steps whose sizes were worked out
// when the program was written (trace/program.ts).
#pragma once
#include <cstring>
#include <string>
#include <vector>

#include "call.h"
#include "threads.h"

namespace {

using Body = void (*)(Call&, const Attributes&);
using Sizes = std::vector<int64_t>;

struct Instruction {
  Body body = nullptr;
  std::vector<Slot*> inputs, outputs;
  Attributes attributes;
  Sizes sizes;                                          // what they are is said where they are read
  void (*simple)(Call&, const Instruction&) = nullptr;  // in the place of a body
};

// Axes that a loop runs over, the last one innermost: how often, and how far each operand moves on.
class Loop {
 public:
  // sizes: the number of axes, their lengths, then the steps of each operand
  Loop(const int64_t* sizes, int operands)
      : axes(static_cast<int>(sizes[0])), lengths(sizes + 1), steps(sizes + 1 + axes), operands(operands) {
    for (int axis = 0; axis + 1 < axes; axis++) rows *= lengths[axis];
  }
  int64_t inner() const { return axes == 0 ? 1 : lengths[axes - 1]; }
  // How far an operand moves along the innermost axis.
  int64_t step(int operand) const { return axes == 0 ? 0 : steps[operand * axes + axes - 1]; }

  // body(row, places) for rows of the innermost axis, with the place of each operand.
  template <typename F>
  void each(int64_t begin, int64_t end, F body) const {
    int64_t at[Dims::MOST] = {}, places[2] = {};
    if (begin >= end) return;
    for (int64_t left = begin, axis = axes - 2; axis >= 0; axis--) {
      at[axis] = left % lengths[axis];
      left /= lengths[axis];
      for (int o = 0; o < operands; o++) places[o] += at[axis] * steps[o * axes + axis];
    }
    for (int64_t row = begin; row < end; row++) {
      body(row, places);
      for (int axis = axes - 2; axis >= 0; axis--) {
        for (int o = 0; o < operands; o++) places[o] += steps[o * axes + axis];
        if (++at[axis] < lengths[axis]) break;
        for (int o = 0; o < operands; o++) places[o] -= lengths[axis] * steps[o * axes + axis];
        at[axis] = 0;
      }
    }
  }

  int64_t rows = 1;

 private:
  const int axes;
  const int64_t *lengths, *steps;
  const int operands;
};

// As by_rows, without its cost where there is but one part.
template <typename F>
void in_parts(int64_t rows, int64_t columns, const F& body) {
  if (rows * columns <= PART) body(0, rows);
  else by_rows(rows, columns, body);
}

}  // namespace
