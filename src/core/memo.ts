/** Values that are computed once. */

/**
 * A function of an object that computes its value once for each object, and keeps it for as long as the object is kept.
 * The object must not change. What throws is computed again the next time.
 */
export function oncePer<Key extends object, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new WeakMap<Key, Value>();
  return (key) => remembered(known, key, () => compute(key));
}

/** What values are remembered in: a map, weak or not. */
type Memory<Key, Value> = Pick<Map<Key, Value>, 'has' | 'get'> & { readonly set: (key: Key, value: Value) => unknown };

/** The value of a key, computed where the map has none yet. */
export function remembered<Key, Value>(map: Memory<Key, Value>, key: Key, compute: () => Value): Value {
  if (!map.has(key)) map.set(key, compute());
  return map.get(key) as Value;
}
