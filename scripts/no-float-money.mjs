import ts from 'typescript';

const MESSAGE = 'Money and odds are integers here (minor units, thousandths): floats lose cents.';
/** Make a float of a text, or a text of a float. */
const CONVERSIONS = /^(parseFloat|toFixed|toPrecision|toExponential)$/;
/** Are of use to floats only, or make one. */
const FUNCTIONS =
  /^(round|floor|ceil|trunc|fround|f16round|sqrt|cbrt|pow|exp|expm1|hypot|random|log|log2|log10|log1p)$/;
/** 1.5 and 1e-3, but not 1e3 or 0x1e-1. */
const FRACTION = /^[\d_]*\.[\d_]*[1-9]|^[\d_.]+e-/i;

/**
 * ESLint rule: no arithmetic in floating point. Integers are multiplied, added and compared as they like; what is divided
 * must be bigint, where division drops the remainder instead of making a fraction.
 */
export const noFloatMoney = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const report = (node) => {
      context.report({ node, message: MESSAGE });
    };
    const reportUnlessBigint = (node) => {
      const type = context.sourceCode.parserServices.getTypeAtLocation(node.left);
      const parts = type.isUnion() ? type.types : [type];
      if (!parts.every(({ flags }) => flags & ts.TypeFlags.BigIntLike)) report(node);
    };
    return {
      [`CallExpression[callee.name=${CONVERSIONS}]`]: report,
      [`MemberExpression[property.name=${CONVERSIONS}]`]: report,
      [`MemberExpression[object.name="Math"][property.name=${FUNCTIONS}]`]: report,
      'BinaryExpression[operator="/"]': reportUnlessBigint,
      'AssignmentExpression[operator="/="]': reportUnlessBigint,
      Literal(node) {
        if (typeof node.value === 'number' && FRACTION.test(node.raw)) report(node);
      },
    };
  },
};
