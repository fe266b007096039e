import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'types/',
      'gowide-out/',
      'coverage/',
      'docs/api/',
      'theory/kernel/assembly/',
      'src/engine/ops/assembly/',
      'src/data/assembly/',
      'reports/client/bundle/',
      'src/engine/tfjs-gradients.cjs',
    ],
  },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: dirname(fileURLToPath(import.meta.url)) },
    },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/require-await': 'off',
      // tfjs infers its return types from the caller; the rule takes every such cast for superfluous.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      eqeqeq: 'error',
      // beyond it a reader of a call confuses arguments: options and things that belong together are an object
      'max-params': ['error', 5],
      'max-len': [
        'error',
        {
          code: 120,
          ignoreStrings: true,
          ignoreTemplateLiterals: true,
          ignoreUrls: true,
          ignoreRegExpLiterals: true,
          ignorePattern: '^ \\* \\|', // tables in comments
        },
      ],
    },
  },
  {
    // passes over flat arrays, whose arguments stand in the order of those of C++; rows of tables of cases
    files: ['theory/kernel/**/*.ts', 'test/**/*.ts'],
    rules: { 'max-params': 'off' },
  },
  {
    files: ['src/**/*.ts', 'theory/**/*.ts'],
    ignores: ['theory/kernel/assembly/**', 'src/**/assembly/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...['[arguments.length>1]', '[arguments.length=1][arguments.0.type="ObjectExpression"]'].map((what) => ({
          selector: `CallExpression[callee.property.name="from"][callee.object.name=/^(Float|Int|Uint|Big).*Array$/]${what}`,
          message: 'some thirty times as slow as a loop; use `filled` of src/core/host-array.ts.',
        })),
      ],
    },
  },
  {
    files: ['**/*.mjs', '*.js'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', AbortController: 'readonly' },
    },
  },
);
