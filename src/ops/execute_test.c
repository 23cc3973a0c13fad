/* Executes rows that no other case executes: operations counted against the cost, float against
 * double, gradients against central differences (tests/support/op_run.c). */
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* An elementwise function with its gradient, over lo..hi. */
#define FUNCTION(name_, lo, hi, ...)                                                               \
    {                                                                                              \
        .name = name_, .in = {"*f32[A,B]"}, .out = {"y"}, .low = lo, .high = hi, .gradient = true, \
        __VA_ARGS__                                                                                \
    }

void test_execute__functions(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        FUNCTION("Abs", -2, 2, ),
        FUNCTION("Acos", -0.9, 0.9, ),
        FUNCTION("Acosh", 1.2, 3, ),
        FUNCTION("Asin", -0.9, 0.9, ),
        FUNCTION("Asinh", -2, 2, ),
        FUNCTION("Atan", -2, 2, ),
        FUNCTION("Atanh", -0.9, 0.9, ),
        FUNCTION("Celu", -2, 2, .attrs = "alpha=1.5"),
        FUNCTION("Cos", -3, 3, ),
        FUNCTION("Cosh", -2, 2, ),
        FUNCTION("Elu", -2, 2, .attrs = "alpha=0.7"),
        FUNCTION("Erf", -2, 2, ),
        FUNCTION("Exp", -2, 2, ),
        FUNCTION("HardSigmoid", -4, 4, .attrs = "alpha=0.3 beta=0.4"),
        FUNCTION("HardSwish", -5, 5, ),
        FUNCTION("LeakyRelu", -2, 2, .attrs = "alpha=0.1"),
        FUNCTION("LeakyRelu", -2, 2, .attrs = "alpha=-0.1"),
        FUNCTION("Log", 0.2, 3, ),
        FUNCTION("Mish", -3, 3, ),
        FUNCTION("ParametricSoftplus", -2, 2, .attrs = "alpha=0.7 beta=1.3"),
        FUNCTION("Reciprocal", 0.3, 2, ),
        FUNCTION("ScaledTanh", -2, 2, .attrs = "alpha=0.7 beta=1.3"),
        FUNCTION("Selu", -2, 2, ),
        FUNCTION("Shrink", -2, 2, .attrs = "lambd=0.4 bias=0.2"),
        FUNCTION("Sigmoid", -3, 3, ),
        FUNCTION("Sin", -3, 3, ),
        FUNCTION("Sinh", -2, 2, ),
        FUNCTION("Softplus", -3, 3, ),
        FUNCTION("Softsign", -3, 3, ),
        FUNCTION("Sqrt", 0.2, 3, ),
        FUNCTION("Swish", -3, 3, .attrs = "alpha=1.2"),
        FUNCTION("Tan", -1, 1, ),
        FUNCTION("Tanh", -2, 2, ),
        FUNCTION("ThresholdedRelu", -2, 2, .attrs = "alpha=0.3"),
        FUNCTION("Gelu", -3, 3, ),
        FUNCTION("Gelu", -3, 3, .attrs = "approximate=tanh"),
        FUNCTION("Gelu", -3, 3, .domain = "com.microsoft"),
        FUNCTION("QuickGelu", -3, 3, .domain = "com.microsoft"),
        FUNCTION("Scale", -3, 3, .attrs = "scale=1.5"),
        {.name = "ImageScaler",
         .attrs = "scale=2 bias=0.5,1",
         .in = {"*f32[N,2,H,W]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Sign", .in = {"f32[A,B]"}, .out = {"y"}},
        {.name = "Abs", .in = {"i32[A,B]"}, .out = {"y"}},
        {.name = "Neg", .in = {"i64[A,B]"}, .out = {"y"}},
        {.name = "BitwiseNot", .in = {"u8[A,B]"}, .out = {"y"}},
        {.name = "IsNaN", .in = {"f32[A,B]"}, .out = {"y"}},
    };
    OP_CASES_EXECUTE(cases);
}

void test_execute__pairs(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Mod",
         .attrs = "fmod=1",
         .in = {"*f32[A,B]", "*f32[B]"},
         .out = {"y"},
         .low = 0.3,
         .high = 2,
         .gradient = true},
        {.name = "Pow",
         .in = {"*f32[A,B]", "*f32[A,1]"},
         .out = {"y"},
         .low = 0.3,
         .high = 2,
         .gradient = true},
        {.name = "Max",
         .in = {"*f32[A,B]", "*f32[B]", "*f32[1,1]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Sum",
         .in = {"*f32[A,B]", "*f32[B]", "*f32[A,1]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Mean", .in = {"*f32[A,B]", "*f32[B]", "*f32[]"}, .out = {"y"}, .gradient = true},
        {.name = "Where",
         .in = {"bool[A,1]", "*f32[A,B]", "*f32[B]"},
         .out = {"y"},
         .gradient = true},
        {.name = "PRelu", .in = {"*f32[N,C,H]", "*f32[C,1]"}, .out = {"y"}, .gradient = true},
        {.name = "Or", .in = {"bool[A,B]", "bool[B]"}, .out = {"y"}},
        {.name = "Xor", .in = {"bool[A,B]", "bool[B]"}, .out = {"y"}},
        {.name = "BitwiseAnd", .in = {"i32[A,B]", "i32[B]"}, .out = {"y"}},
        {.name = "BitwiseOr", .in = {"i32[A,B]", "i32[B]"}, .out = {"y"}},
        {.name = "BitwiseXor", .in = {"i32[A,B]", "i32[B]"}, .out = {"y"}},
        {.name = "GreaterOrEqual", .in = {"f32[A,B]", "f32[B]"}, .out = {"y"}},
        {.name = "Min", .in = {"i64[A,B]", "i64[B]"}, .out = {"y"}},
    };
    OP_CASES_EXECUTE(cases);
}

/* A reduction over the middle axis and over all. */
#define REDUCTION(name_, lo, hi)                                                                  \
    {.name = name_,                                                                               \
     .attrs = "keepdims=0",                                                                       \
     .in = {"*f32[A,B,C]", "i64[1]=1"},                                                           \
     .out = {"y"},                                                                                \
     .low = lo,                                                                                   \
     .high = hi,                                                                                  \
     .gradient = true},                                                                           \
    {                                                                                             \
        .name = name_, .in = {"*f32[A,B]"}, .out = {"y"}, .low = lo, .high = hi, .gradient = true \
    }

void test_execute__reductions(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        REDUCTION("ReduceSum", -2, 2),
        REDUCTION("ReduceMean", -2, 2),
        REDUCTION("ReduceMax", -2, 2),
        REDUCTION("ReduceMin", -2, 2),
        REDUCTION("ReduceProd", 0.5, 2),
        REDUCTION("ReduceL1", -2, 2),
        REDUCTION("ReduceL2", -2, 2),
        REDUCTION("ReduceLogSum", 0.5, 2),
        REDUCTION("ReduceLogSumExp", -2, 2),
        REDUCTION("ReduceSumSquare", -2, 2),
        {.name = "ArgMin", .attrs = "axis=1 keepdims=0", .in = {"f32[A,B,C]"}, .out = {"y"}},
        {.name = "Hardmax", .attrs = "axis=1", .in = {"f32[A,B,C]"}, .out = {"y"}},
        {.name = "Softmax",
         .attrs = "axis=1",
         .in = {"*f32[A,B,C]"},
         .out = {"y"},
         .gradient = true},
        {.name = "LogSoftmax", .in = {"*f32[A,B,C]"}, .out = {"y"}, .gradient = true},
        {.name = "LRN",
         .attrs = "size=3 alpha=0.5",
         .in = {"*f32[N,C,H]"},
         .out = {"y"},
         .gradient = true},
    };
    OP_CASES_EXECUTE(cases);
}

#define LAYER(name_, domain_, ...)                                                        \
    {                                                                                     \
        .name = name_, .domain = domain_, .train = true, .no_dy = 0xfe, .gradient = true, \
        __VA_ARGS__                                                                       \
    }

void test_execute__normalisations(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        LAYER("LayerNormalization", "", .in = {"*f32[A,B,C]", "param f32[C]", "param f32[C]"},
              .out = {"y"}),
        LAYER("LayerNormalization", "", .attrs = "axis=1",
              .in = {"*f32[A,B,C]", "param f32[B,C]", "param f32[B,C]"}, .out = {"y"}),
        LAYER("RMSNormalization", "", .in = {"*f32[A,B,C]", "param f32[C]"}, .out = {"y"}),
        LAYER("SkipLayerNormalization", "com.microsoft",
              .in = {"*f32[A,B,C]", "*f32[A,B,C]", "param f32[C]", "param f32[C]", "param f32[C]"},
              .out = {"y"}),
        LAYER("SkipSimplifiedLayerNormalization", "com.microsoft",
              .in = {"*f32[A,B,C]", "*f32[A,B,C]", "param f32[C]", "param f32[C]"}, .out = {"y"}),
        LAYER("InstanceNormalization", "", .in = {"*f32[N,C,H]", "param f32[C]", "param f32[C]"},
              .out = {"y"}),
        LAYER("GroupNormalization", "", .attrs = "num_groups=2",
              .in = {"*f32[N,4,H]", "param f32[4]", "param f32[4]"}, .out = {"y"}),
        LAYER("BatchNormalization", "",
              .in = {"*f32[N,C,H]", "param f32[C]", "param f32[C]", "f32[C]", "f32[C]"},
              .out = {"y"}),
    };
    OP_CASES_EXECUTE(cases);
}

void test_execute__products(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "MatMul", .in = {"*f32[M,K]", "*f32[K,N]"}, .out = {"y"}, .gradient = true},
        {.name = "MatMul", .in = {"*f32[A,1,M,K]", "*f32[B,K,N]"}, .out = {"y"}, .gradient = true},
        {.name = "MatMul", .in = {"*f32[K]", "*f32[A,K,N]"}, .out = {"y"}, .gradient = true},
        {.name = "MatMul", .in = {"*f32[A,M,K]", "*f32[K]"}, .out = {"y"}, .gradient = true},
        {.name = "MatMul", .in = {"*f32[K]", "*f32[K]"}, .out = {"y"}, .gradient = true},
        {.name = "MatMul", .in = {"*f32[17,33]", "*f32[33,530]"}, .out = {"y"}, .gradient = true},
        {.name = "FusedMatMul",
         .domain = "com.microsoft",
         .attrs = "alpha=0.5 transA=1 transB=1",
         .in = {"*f32[A,K,M]", "*f32[A,N,K]"},
         .out = {"y"},
         .gradient = true},
        {.name = "FusedMatMul",
         .domain = "com.microsoft",
         .attrs = "transBatchA=1 transBatchB=1",
         .in = {"*f32[M,A,K]", "*f32[K,A,N]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Gemm",
         .attrs = "alpha=0.5 beta=2 transA=1",
         .in = {"*f32[K,M]", "*f32[K,N]", "*f32[N]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Gemm",
         .attrs = "transB=1",
         .in = {"*f32[M,K]", "*f32[N,K]", "*f32[M,1]"},
         .out = {"y"},
         .gradient = true},
    };
    OP_CASES_EXECUTE(cases);
}

void test_execute__windows(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Conv",
         .attrs = "group=2 strides=2,1 pads=1,0,1,2 dilations=1,2",
         .in = {"*f32[N,4,7,8]", "param f32[6,2,3,2]", "param f32[6]"},
         .out = {"y"},
         .gradient = true},
        {.name = "ConvTranspose",
         .attrs = "group=2 strides=2,3 pads=1,0,0,1 output_padding=1,0",
         .in = {"*f32[N,4,3,4]", "param f32[4,3,3,2]", "param f32[6]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Conv",
         .domain = "qonnx.custom_op.channels_last",
         .attrs = "strides=2,2 pads=1,1,1,1",
         .in = {"*f32[N,5,6,3]", "param f32[4,3,3,3]"},
         .out = {"y"},
         .gradient = true},
        {.name = "NhwcConv",
         .domain = "com.microsoft",
         .in = {"*f32[N,5,6,2]", "param f32[4,3,3,2]"},
         .out = {"y"},
         .gradient = true},
        {.name = "MaxPool",
         .attrs = "kernel_shape=3,2 strides=2,1 pads=1,0,1,1 dilations=1,2",
         .in = {"*f32[N,C,6,7]"},
         .out = {"y"},
         .train = true,
         .gradient = true},
        {.name = "NhwcMaxPool",
         .domain = "com.microsoft",
         .attrs = "kernel_shape=3,2",
         .in = {"*f32[N,6,7,C]"},
         .out = {"y"},
         .gradient = true},
        {.name = "AveragePool",
         .attrs = "kernel_shape=3,2 strides=2,2 pads=1,1,1,1 count_include_pad=1 ceil_mode=1",
         .in = {"*f32[N,C,6,7]"},
         .out = {"y"},
         .gradient = true},
        {.name = "AveragePool",
         .attrs = "kernel_shape=3,2 pads=1,1,1,1",
         .in = {"*f32[N,C,6,7]"},
         .out = {"y"},
         .gradient = true},
        {.name = "AveragePool",
         .domain = "qonnx.custom_op.channels_last",
         .attrs = "kernel_shape=2,2 strides=2,2",
         .in = {"*f32[N,6,7,C]"},
         .out = {"y"},
         .gradient = true},
        {.name = "GlobalMaxPool", .in = {"*f32[N,C,3,4]"}, .out = {"y"}, .gradient = true},
        {.name = "GlobalAveragePool", .in = {"*f32[N,C,3,4]"}, .out = {"y"}, .gradient = true},
        {.name = "GlobalLpPool",
         .attrs = "p=3",
         .in = {"*f32[N,C,3,4]"},
         .out = {"y"},
         .gradient = true},
        {.name = "LpPool",
         .attrs = "p=1 kernel_shape=2,3",
         .in = {"*f32[N,C,3,4]"},
         .out = {"y"},
         .gradient = true},
        {.name = "LpPool",
         .attrs = "kernel_shape=2,3 pads=1,1,1,1",
         .in = {"*f32[N,C,3,4]"},
         .out = {"y"},
         .gradient = true},
    };
    OP_CASES_EXECUTE(cases);
}

void test_execute__moves(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Pad",
         .attrs = "mode=reflect",
         .in = {"*f32[3,5]", "i64[4]=0,2,1,3"},
         .out = {"y"},
         .gradient = true},
        {.name = "Pad",
         .attrs = "mode=edge",
         .in = {"*f32[N,5]", "i64[4]=0,2,1,3"},
         .out = {"y"},
         .gradient = true},
        {.name = "Pad",
         .attrs = "mode=wrap",
         .in = {"*f32[3,5]", "i64[4]=1,2,1,3"},
         .out = {"y"},
         .gradient = true},
        {.name = "Compress",
         .attrs = "axis=1",
         .in = {"*f32[N,4,C]", "bool[4]=1,0,1,1"},
         .out = {"y"},
         .gradient = true},
        {.name = "ArrayFeatureExtractor",
         .domain = "ai.onnx.ml",
         .in = {"*f32[N,5]", "i64[1,3]=4,0,4"},
         .out = {"y"},
         .gradient = true},
        {.name = "ScatterND",
         .in = {"*f32[5,C]", "i64[2,1]=3,1", "*f32[2,C]"},
         .out = {"y"},
         .gradient = true},
        {.name = "ScatterElements",
         .attrs = "axis=1",
         .in = {"*f32[N,5]", "i64[1,2]=3,1", "*f32[1,2]"},
         .out = {"y"},
         .gradient = true},
        {.name = "TensorScatter",
         .in = {"*f32[B,2,6,C]", "*f32[B,2,2,C]", "i64[B]"},
         .out = {"y"},
         .gradient = true},
        {.name = "OneHot", .in = {"i64[A,B]", "i64[]=3", "f32[2]=-1,1"}, .out = {"y"}},
        {.name = "DepthToSpace",
         .attrs = "blocksize=2 mode=CRD",
         .in = {"*f32[N,8,H,W]"},
         .out = {"y"},
         .gradient = true},
        {.name = "ReverseSequence",
         .attrs = "batch_axis=0 time_axis=1",
         .in = {"*f32[3,4,C]", "i64[3]=2,4,1"},
         .out = {"y"},
         .gradient = true},
        {.name = "CenterCropPad",
         .in = {"*f32[5,4]", "i64[2]=3,7"},
         .out = {"y"},
         .gradient = true},
    };
    OP_CASES_EXECUTE(cases);
}

void test_execute__transformers(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "RotaryEmbedding",
         .in = {"*f32[2,3,5,8]", "f32[9,4]", "f32[9,4]", "i64[2,5]"},
         .out = {"y"},
         .gradient = true},
        {.name = "RotaryEmbedding",
         .attrs = "num_heads=2 interleaved=1 rotary_embedding_dim=4",
         .in = {"*f32[2,5,16]", "f32[2,5,2]", "f32[2,5,2]"},
         .out = {"y"},
         .gradient = true},
        {.name = "RotaryEmbedding",
         .domain = "com.microsoft",
         .in = {"*f32[2,5,16]", "i64[1]", "f32[9,4]", "f32[9,4]"},
         .out = {"y"},
         .gradient = true},
        {.name = "SwiGLU",
         .attrs = "alpha=1.5",
         .in = {"*f32[A,B]", "*f32[A,B]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Einsum",
         .attrs = "equation=bij,bjk->bik",
         .in = {"*f32[B,I,J]", "*f32[B,J,K]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Einsum",
         .attrs = "equation=ii,jk,k->j",
         .in = {"*f32[I,I]", "*f32[J,K]", "*f32[K]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Einsum",
         .attrs = "equation=...ij->...j",
         .in = {"*f32[A,B,C]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Det", .in = {"*f32[B,3,3]"}, .out = {"y"}, .gradient = true},
        {.name = "Resize",
         .attrs = "mode=cubic",
         .in = {"*f32[1,C,4,5]", "-", "f32[4]=1,1,2,0.6"},
         .out = {"y"},
         .gradient = true},
        {.name = "Resize",
         .in = {"*f32[1,C,4,5]", "-", "f32[4]=1,1,2,0.6"},
         .out = {"y"},
         .gradient = true},
        {.name = "TopK", .in = {"*f32[A,7]", "i64[1]=3"}, .out = {"y", "i"}, .gradient = true},
        {.name = "GridSample",
         .attrs = "mode=cubic padding_mode=border",
         .in = {"*f32[1,C,4,5]", "f32[1,3,3,2]"},
         .out = {"y"},
         .gradient = true},
        {.name = "GridSample",
         .attrs = "mode=cubic padding_mode=reflection align_corners=1",
         .in = {"*f32[N,C,4,5]", "*f32[N,2,3,2]"},
         .out = {"y"},
         .gradient = true},
        {.name = "GridSample",
         .attrs = "padding_mode=border",
         .in = {"f32[N,C,4,5,3]", "*f32[N,2,3,1,3]"},
         .out = {"y"},
         .gradient = true},
        {.name = "AffineGrid",
         .attrs = "align_corners=1",
         .in = {"*f32[N,3,4]", "i64[5]=N,3,4,5,2"},
         .out = {"y"},
         .gradient = true},
        {.name = "DeformConv",
         .attrs = "group=2 offset_group=2 pads=1,0,1,1 strides=2,1",
         .in = {"*f32[N,4,5,4]", "param f32[2,2,2,3]", "*f32[N,24,3,3]", "-", "*f32[N,12,3,3]"},
         .out = {"y"},
         .gradient = true},
        {.name = "DeformConv",
         .in = {"*f32[N,2,3,4,3]", "param f32[2,2,2,2,2]", "*f32[N,24,2,3,2]"},
         .out = {"y"},
         .gradient = true},
        {.name = "Col2Im",
         .attrs = "pads=1,0,1,0 strides=2,1",
         .in = {"*f32[N,12,12]", "i64[2]=5,5", "i64[2]=3,2"},
         .out = {"y"},
         .gradient = true},
    };
    OP_CASES_EXECUTE(cases);
}
