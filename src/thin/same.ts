/** Whether two declarations are of one network. */
import { familyOf, networkOf, type NetworkSpec } from '../models/index.js';

/** Whether the weights of one network are those of the other. */
export function haveSameShapes(one: NetworkSpec, other: NetworkSpec): boolean {
  const [a, b] = [networkOf(one).shapes, networkOf(other).shapes];
  const paths = Object.keys(a);
  return paths.length === Object.keys(b).length && paths.every((path) => String(a[path]) === String(b[path]));
}

/** Whether two networks compute the same of the same weights, as far as shapes and what these do not show tell. */
export function isSameNetwork(one: NetworkSpec, other: NetworkSpec): boolean {
  if (one.family !== other.family || !haveSameShapes(one, other)) return false;
  const { published } = familyOf(one);
  return JSON.stringify(published?.unseen?.(one)) === JSON.stringify(published?.unseen?.(other));
}
