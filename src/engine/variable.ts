/** Tensors that TensorFlow changes in place, so that an optimiser's step reads and writes each value once. Engine `tensorflow` only. */
import { FLOAT, tensorflowOp, type Attributes } from './tensorflow-op.js';
import type { Tensor } from './tensor.js';

let count = 0;

export class Variable {
  private readonly handle: Tensor;

  /** Takes the tensor's memory over (or a copy, where somebody else holds it, too) once the caller has disposed it. */
  constructor(value: Tensor) {
    this.handle = tensorflowOp('VarHandleOp', { dtype: FLOAT, container: '', shared_name: `gowide/${count++}`, shape: value.shape }, [], 1)[0]!;
    tensorflowOp('AssignVariableOp', { dtype: FLOAT }, [this.handle, value], 0);
  }

  /** Applies one of TensorFlow's `ResourceApply...` ops, whose first operands are this variable and the others given. */
  apply(op: string, attributes: Attributes, ...operands: readonly (Variable | Tensor)[]): void {
    const inputs = operands.map((operand) => (operand instanceof Variable ? operand.handle : operand));
    tensorflowOp(op, { T: FLOAT, use_locking: false, ...attributes }, [this.handle, ...inputs], 0);
  }

  /** The value; the variable is gone. */
  take(): Tensor {
    const [value] = tensorflowOp('ReadVariableOp', { dtype: FLOAT }, [this.handle], 1);
    tensorflowOp('DestroyResourceOp', {}, [this.handle], 0);
    this.handle.dispose();
    return value!;
  }
}
