/* The rows of unary.c that compute a function of each element. */
#ifndef FW_OPS_UNARY_ROWS_H
#define FW_OPS_UNARY_ROWS_H

/* Which functions a row takes, as part of an initialiser by class, and how many. */
#define FUNCTIONS_0 0
#define FUNCTIONS_OTHER [FW_SPECIAL] = 1
#define FUNCTIONS_EXP [FW_EXP] = 1
#define FUNCTIONS_LOG [FW_LOG] = 1
#define FUNCTIONS_TANH [FW_TANH] = 1
#define FUNCTIONS_ERF [FW_ERF] = 1
#define FUNCTIONS_EXP_LOG [FW_EXP] = 1, [FW_LOG] = 1
#define FUNCTIONS_MISH [FW_EXP] = 1, [FW_LOG] = 1, [FW_TANH] = 1
#define FUNCTIONS_MISH_BACK [FW_EXP] = 2, [FW_LOG] = 1, [FW_TANH] = 1
#define HOW_MANY_0 ""
#define HOW_MANY_OTHER " 1 special"
#define HOW_MANY_EXP " 1 special"
#define HOW_MANY_LOG " 1 special"
#define HOW_MANY_TANH " 1 special"
#define HOW_MANY_ERF " 1 special"
#define HOW_MANY_EXP_LOG " 2 special"
#define HOW_MANY_MISH " 3 special"
#define HOW_MANY_MISH_BACK " 4 special"

/* ---- the table ----
 * X(id, name, attributes,
 *   add, mul, div, sqrt, minmax, functions, formula, contents,
 *   gradient from, add, mul, div, sqrt, minmax, functions, formula) */
#define SMOOTH(X)                                                                                  \
    X(ABS, "Abs", FW_NO_ATTRS, 0, 0, 0, 0, 1, 0, "|x|", fold_abs, FROM_X, 0, 1, 0, 0, 1, 0,        \
      "dY*sign(x)")                                                                                \
    X(ACOS, "Acos", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "acos(x)", NULL, FROM_X, 2, 1, 1, 1, 0, 0,  \
      "-dY/sqrt(1 - x*x)")                                                                         \
    X(ACOSH, "Acosh", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "acosh(x)", NULL, FROM_X, 1, 1, 1, 1, 0,  \
      0, "dY/sqrt(x*x - 1)")                                                                       \
    X(ASIN, "Asin", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "asin(x)", NULL, FROM_X, 1, 1, 1, 1, 0, 0,  \
      "dY/sqrt(1 - x*x)")                                                                          \
    X(ASINH, "Asinh", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "asinh(x)", NULL, FROM_X, 1, 1, 1, 1, 0,  \
      0, "dY/sqrt(x*x + 1)")                                                                       \
    X(ATAN, "Atan", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "atan(x)", NULL, FROM_X, 1, 1, 1, 0, 0, 0,  \
      "dY/(1 + x*x)")                                                                              \
    X(ATANH, "Atanh", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "atanh(x)", NULL, FROM_X, 1, 1, 1, 0, 0,  \
      0, "dY/(1 - x*x)")                                                                           \
    X(CELU, "Celu", FW_ATTRS(alpha_1), 2, 1, 1, 0, 2, EXP,                                         \
      "max(0, x) + min(0, alpha*(exp(x/alpha) - 1))", NULL, FROM_Y, 1, 1, 1, 0, 1, 0,              \
      "dY*(y > 0 ? 1 : y/alpha + 1)")                                                              \
    X(COS, "Cos", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "cos(x)", NULL, FROM_X, 1, 1, 0, 0, 0, OTHER, \
      "-dY*sin(x)")                                                                                \
    X(COSH, "Cosh", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "cosh(x)", NULL, FROM_X, 0, 1, 0, 0, 0,     \
      OTHER, "dY*sinh(x)")                                                                         \
    X(ELU, "Elu", FW_ATTRS(alpha_1), 1, 1, 0, 0, 1, EXP, "x > 0 ? x : alpha*(exp(x) - 1)", NULL,   \
      FROM_Y, 1, 1, 0, 0, 1, 0, "dY*(y > 0 ? 1 : y + alpha), for alpha >= 0")                      \
    X(ERF, "Erf", FW_NO_ATTRS, 0, 0, 0, 0, 0, ERF, "erf(x)", NULL, FROM_X, 1, 3, 0, 0, 0, EXP,     \
      "dY*(2/sqrt(pi)*exp(-x*x))")                                                                 \
    X(EXP, "Exp", FW_NO_ATTRS, 0, 0, 0, 0, 0, EXP, "exp(x)", NULL, FROM_Y, 0, 1, 0, 0, 0, 0,       \
      "dY*y")                                                                                      \
    X(HARD_SIGMOID, "HardSigmoid", FW_ATTRS(hard_sigmoid), 1, 1, 0, 0, 2, 0,                       \
      "max(0, min(1, alpha*x + beta))", NULL, FROM_Y, 0, 1, 0, 0, 2, 0,                            \
      "0 < y < 1 ? alpha*dY : 0")                                                                  \
    X(HARD_SWISH, "HardSwish", FW_NO_ATTRS, 1, 2, 0, 0, 2, 0,                                      \
      "x*max(0, min(1, x/6 + 1/2)), the division as a product", NULL, FROM_X, 1, 2, 0, 0, 2, 0,    \
      "x <= -3 ? 0 : x >= 3 ? dY : dY*(x/3 + 1/2)")                                                \
    X(LEAKY_RELU, "LeakyRelu", FW_ATTRS(leaky), 0, 1, 0, 0, 1, 0, "x > 0 ? x : alpha*x", NULL,     \
      FROM_SIGN, 0, 1, 0, 0, 1, 0, "y > 0 ? dY : alpha*dY; from x when alpha < 0")                 \
    X(LOG, "Log", FW_NO_ATTRS, 0, 0, 0, 0, 0, LOG, "log(x)", NULL, FROM_X, 0, 0, 1, 0, 0, 0,       \
      "dY/x")                                                                                      \
    X(MISH, "Mish", FW_NO_ATTRS, 3, 1, 0, 0, 2, MISH, "x*tanh(softplus(x))", NULL, FROM_X, 7, 4,   \
      1, 0, 2, MISH_BACK, "dY*(t + x*sigmoid(x)*(1 - t*t)), t = tanh(softplus(x))")                \
    X(PARAMETRIC_SOFTPLUS, "ParametricSoftplus", FW_ATTRS(alpha_beta), 3, 2, 0, 0, 2, EXP_LOG,     \
      "alpha*softplus(beta*x)", NULL, FROM_X, 2, 2, 1, 0, 0, EXP,                                  \
      "dY*(alpha*beta/(1 + exp(-(beta*x))))")                                                      \
    X(RECIPROCAL, "Reciprocal", FW_NO_ATTRS, 0, 0, 1, 0, 0, 0, "1/x", fold_reciprocal, FROM_Y, 1,  \
      2, 0, 0, 0, 0, "-dY*y*y")                                                                    \
    X(RELU, "Relu", FW_NO_ATTRS, 0, 0, 0, 0, 1, 0, "max(0, x)", fold_relu, FROM_Y, 0, 0, 0, 0, 1,  \
      0, "y > 0 ? dY : 0")                                                                         \
    X(SCALED_TANH, "ScaledTanh", FW_ATTRS(alpha_beta), 0, 2, 0, 0, 0, TANH, "alpha*tanh(beta*x)",  \
      NULL, FROM_Y, 1, 3, 0, 0, 0, 0, "dY*(alpha*beta - beta/alpha*(y*y))")                        \
    X(SELU, "Selu", FW_ATTRS(selu), 1, 2, 0, 0, 1, EXP, "gamma*(x > 0 ? x : alpha*(exp(x) - 1))",  \
      NULL, FROM_Y, 1, 1, 0, 0, 1, 0, "dY*(y > 0 ? gamma : y + gamma*alpha)")                      \
    X(SHRINK, "Shrink", FW_ATTRS(shrink), 2, 0, 0, 0, 2, 0,                                        \
      "x < -lambd ? x + bias : x > lambd ? x - bias : 0", NULL, FROM_X, 0, 0, 0, 0, 2, 0,          \
      "|x| > lambd ? dY : 0")                                                                      \
    X(SIGMOID, "Sigmoid", FW_NO_ATTRS, 2, 0, 1, 0, 0, EXP, "1/(1 + exp(-x))", NULL, FROM_Y, 1, 2,  \
      0, 0, 0, 0, "dY*y*(1 - y)")                                                                  \
    X(SIN, "Sin", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "sin(x)", NULL, FROM_X, 0, 1, 0, 0, 0, OTHER, \
      "dY*cos(x)")                                                                                 \
    X(SINH, "Sinh", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "sinh(x)", NULL, FROM_X, 0, 1, 0, 0, 0,     \
      OTHER, "dY*cosh(x)")                                                                         \
    X(SOFTPLUS, "Softplus", FW_NO_ATTRS, 3, 0, 0, 0, 2, EXP_LOG, "max(x, 0) + log(1 + exp(-|x|))", \
      NULL, FROM_Y, 2, 1, 0, 0, 0, EXP, "dY*(1 - exp(-y))")                                        \
    X(SOFTSIGN, "Softsign", FW_NO_ATTRS, 1, 0, 1, 0, 1, 0, "x/(1 + |x|)", NULL, FROM_Y, 1, 2, 0,   \
      0, 1, 0, "dY*r*r, r = 1 - |y|")                                                              \
    X(SQRT, "Sqrt", FW_NO_ATTRS, 0, 0, 0, 1, 0, 0, "sqrt(x)", NULL, FROM_Y, 0, 1, 1, 0, 0, 0,      \
      "dY/(2*y)")                                                                                  \
    X(SWISH, "Swish", FW_ATTRS(alpha_1), 1, 1, 1, 0, 0, EXP, "x/(1 + exp(-alpha*x))", NULL,        \
      FROM_X, 4, 4, 1, 0, 0, EXP, "dY*s*(1 + u*(1 - s)), u = alpha*x, s = 1/(1 + exp(-u))")        \
    X(TAN, "Tan", FW_NO_ATTRS, 0, 0, 0, 0, 0, OTHER, "tan(x)", NULL, FROM_Y, 1, 2, 0, 0, 0, 0,     \
      "dY*(1 + y*y)")                                                                              \
    X(TANH, "Tanh", FW_NO_ATTRS, 0, 0, 0, 0, 0, TANH, "tanh(x)", NULL, FROM_Y, 1, 2, 0, 0, 0, 0,   \
      "dY*(1 - y*y)")                                                                              \
    X(THRESHOLDED_RELU, "ThresholdedRelu", FW_ATTRS(alpha_1), 0, 0, 0, 0, 1, 0,                    \
      "x > alpha ? x : 0", NULL, FROM_Y, 0, 0, 0, 0, 1, 0, "y != 0 ? dY : 0")

/* X(id, name, minmax, formula, contents): constant almost everywhere, or no floats at all. */
#define FLAT(X)                                          \
    X(CEIL, "Ceil", 1, "ceil(x)", fold_ceil)             \
    X(FLOOR, "Floor", 1, "floor(x)", fold_floor)         \
    X(ROUND, "Round", 1, "half to even", fold_round)     \
    X(SIGN, "Sign", 1, "sign(x)", fold_sign)             \
    X(NOT, "Not", 0, "logic is no arithmetic", fold_not) \
    X(BITWISE_NOT, "BitwiseNot", 0, "bit operations are no arithmetic", fold_bit_not)

#endif
