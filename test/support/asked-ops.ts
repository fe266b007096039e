/** What TensorFlow's addon is asked for. */
import { tensorflowBackend, type Binding } from '../../src/engine/trace/recorder.js';

/** Names of the ops that it is asked for from now on, until `stop`; a program counts as its op, however it is run. */
export function askedOps(): { readonly asked: readonly string[]; readonly stop: () => void } {
  const backend = tensorflowBackend();
  const { binding } = backend;
  const asked: string[] = [];
  const executeOp: Binding['executeOp'] = (name, ...rest) => {
    asked.push(name);
    return binding.executeOp(name, ...rest);
  };
  const runProgram: Binding['runProgram'] = (...given) => {
    asked.push('GowideProgram');
    binding.runProgram!(...given);
  };
  const listening = { executeOp: { value: executeOp }, runProgram: { value: binding.runProgram && runProgram } };
  backend.binding = Object.create(binding, listening) as Binding;
  return { asked, stop: () => void (backend.binding = binding) };
}
