/** Tensors that TensorFlow changes in place, so that an optimiser's step reads and writes each value once. Engine `tensorflow` only. */
import { FLOAT, tensorflowOp, type Attributes } from './tensorflow-op.js';
import type { Tensor } from './tensor.js';

let count = 0;
/** Names that are free, by shape: TensorFlow keeps a kernel for each name that it has seen, for ever (6 kB a training step, before names came back). */
const free = new Map<string, string[]>();

export class Variable {
  private readonly handle: Tensor;
  private readonly name: string;
  private readonly key: string;

  /** Takes the tensor's memory over (or a copy, where somebody else holds it, too) once the caller has disposed it. */
  constructor(value: Tensor) {
    this.key = value.shape.join();
    this.name = free.get(this.key)?.pop() ?? `gowide/${count++}`;
    this.handle = tensorflowOp('VarHandleOp', { dtype: FLOAT, container: '', shared_name: this.name, shape: value.shape }, [], 1)[0]!;
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
    const names = free.get(this.key);
    if (names === undefined) free.set(this.key, [this.name]);
    else names.push(this.name);
    return value!;
  }
}
