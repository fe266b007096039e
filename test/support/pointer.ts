/** What Git leaves in the place of a large file that was not fetched: a pointer of Git LFS. */
export const POINTER = [
  'version https://git-lfs.github.com/spec/v1',
  `oid sha256:${'4d7a'.repeat(16)}`,
  'size 438955212',
  '',
].join('\n');

/** What is said of it, after the path. */
export const SAID_OF_POINTER = 'a Git LFS pointer, not the file itself; fetch that with "git lfs pull"';
