/** Rules of this project’s own, for `npm run lint:code`. */

const WIDTH = 120;

/** Comments are as wide as code at most; rows of tables and addresses stand in one line. */
const commentWidth = {
  create: (context) => ({
    Program: () => {
      for (const comment of context.sourceCode.getAllComments()) {
        const { line, column } = comment.loc.start;
        comment.value.split('\n').forEach((text, i, lines) => {
          // the marks at either end of a comment are not in its text
          const ends = comment.type === 'Block' && i === lines.length - 1;
          const width = text.length + (i === 0 ? column + 2 : 0) + (ends ? 2 : 0);
          if (width <= WIDTH || /^ \* \|/.test(text) || /https?:/.test(text)) return;
          const at = { line: line + i, column: 0 };
          context.report({ loc: { start: at, end: at }, message: `${width} characters; at most ${WIDTH}.` });
        });
      }
    },
  }),
};

/** `from` of a typed array with a function, or of an object with a length, calls back for each element. */
const filledArrays = {
  create: (context) => ({
    CallExpression: (node) => {
      const { callee, arguments: given } = node;
      if (callee.type !== 'MemberExpression' || callee.property.name !== 'from') return;
      if (!/^(Float|Int|Uint|Big).*Array$/.test(callee.object.name ?? '')) return;
      if (given.length <= 1 && given[0]?.type !== 'ObjectExpression') return;
      const message = 'some thirty times as slow as a loop; use `filled` of src/core/host-array.ts.';
      context.report({ node, message });
    },
  }),
};

export default {
  meta: { name: 'gowide' },
  rules: { 'comment-width': commentWidth, 'filled-arrays': filledArrays },
};
