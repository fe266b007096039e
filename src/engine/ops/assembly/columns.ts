// Sums of columns and of rows, gathered rows and what is done to every number alike.
import { bytes, copy, exponential, part, splat, storePart, total } from './vector';

// sums [columns] += row [columns].
// @ts-ignore: decorator
@inline export function addRow(sums: usize, row: usize, columns: i32): void {
  for (let c = 0; c < columns; c += 4) {
    const left = columns - c, at = bytes(c);
    storePart(sums + at, f32x4.add(part(sums + at, left), part(row + at, left)), left);
  }
}

// out [columns] = the sums of the columns of a [rows, columns], row after row.
export function columnSums(a: usize, out: usize, rows: i32, columns: i32): void {
  memory.fill(out, 0, bytes(columns));
  for (let row = 0; row < rows; row++) {
    addRow(out, a, columns);
    a += bytes(columns);
  }
}

// out [rows] = the sums of the rows of a [rows, columns].
export function rowSums(a: usize, out: usize, rows: i32, columns: i32): void {
  for (let row = 0; row < rows; row++) {
    let sum = splat(0);
    for (let c = 0; c < columns; c += 4) sum = f32x4.add(sum, part(a + bytes(c), columns - c));
    store<f32>(out + bytes(row), total(sum));
    a += bytes(columns);
  }
}

// out [count, columns] = rows of x [rows, columns] by their indices; 0 where there is no such row.
export function gather(x: usize, indices: usize, out: usize, rows: i32, columns: i32, count: i32): void {
  for (let i = 0; i < count; i++) {
    const index = load<i32>(indices + bytes(i));
    const to = out + bytes(i * columns);
    if (<u32>index < <u32>rows) copy(to, x + bytes(index * columns), columns);
    else memory.fill(to, 0, bytes(columns));
  }
}

// out [count, columns] = the sums of the rows of x that have the same index; others are left out.
export function scatter(x: usize, indices: usize, out: usize, rows: i32, columns: i32, count: i32): void {
  memory.fill(out, 0, bytes(count * columns));
  for (let i = 0; i < rows; i++) {
    const index = load<i32>(indices + bytes(i));
    if (<u32>index < <u32>count) addRow(out + bytes(index * columns), x + bytes(i * columns), columns);
  }
}

export function exp(x: usize, y: usize, count: i32): void {
  for (let c = 0; c < count; c += 4) {
    const at = bytes(c);
    storePart(y + at, exponential(part(x + at, count - c)), count - c);
  }
}

// dx = dy where y > 0, else 0.
export function reluGradient(dy: usize, y: usize, dx: usize, count: i32): void {
  for (let c = 0; c < count; c += 4) {
    const left = count - c, at = bytes(c);
    storePart(dx + at, v128.and(part(dy + at, left), f32x4.gt(part(y + at, left), splat(0))), left);
  }
}
