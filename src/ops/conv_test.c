/* Convolutions: sizes, counts and gradients against numbers worked out by hand. */
#include "ops/conv.h"

#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_conv__forward(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL,
         "Conv",
         "strides=2,2 pads=3,3,3,3 kernel_shape=7,7",
         {"f32[2,3,224,224]", "f32[64,3,7,7]", "f32[64]"},
         {"f32[2,64,112,112]"},
         .cost = "fma=236027904 add=1605632"},
        {NULL,
         "Conv",
         "group=32 pads=1,1,1,1",
         {"f32[1,32,10,10]", "f32[32,1,3,3]"},
         {"f32[1,32,10,10]"},
         .cost = "fma=28800"},
        {NULL,
         "Conv",
         "dilations=2",
         {"f32[1,1,10]", "f32[1,1,3]"},
         {"f32[1,1,6]"},
         .cost = "fma=18"},
        {NULL,
         "Conv",
         NULL,
         {"f32[1,2,4,4,4]", "f32[3,2,2,2,2]"},
         {"f32[1,3,3,3,3]"},
         .cost = "fma=1296"},
        {NULL,
         "Conv",
         "strides=2,2 pads=1,1,1,1",
         {"f32[N,3,H,W]", "f32[8,3,3,3]"},
         {"f32[N,8,floor((H-1)/2)+1,floor((W-1)/2)+1]"},
         .cost = "fma=216*N*(floor((H-1)/2)+1)*(floor((W-1)/2)+1)"},
        {NULL,
         "Conv",
         "strides=2,2 auto_pad=SAME_UPPER",
         {"f32[N,3,H,9]", "f32[8,3,3,3]"},
         {"f32[N,8,ceil(H/2),5]"},
         .cost = "fma=1080*N*ceil(H/2)"},
        {NULL,
         "Conv",
         "strides=2,2 auto_pad=VALID",
         {"f32[1,3,9,10]", "f32[8,3,3,3]"},
         {"f32[1,8,4,4]"},
         .cost = "fma=3456"},
        {"qonnx.custom_op.channels_last",
         "Conv",
         NULL,
         {"f32[1,8,8,3]", "f32[4,3,3,3]"},
         {"f32[1,6,6,4]"},
         .cost = "fma=3888"},
        {"com.microsoft",
         "NhwcConv",
         NULL,
         {"f32[1,8,8,3]", "f32[4,5,5,3]"},
         {"f32[1,4,4,4]"},
         .cost = "fma=4800"},
    };
    OP_CASES_RUN(cases);
}

void test_conv__transposed(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL,
         "ConvTranspose",
         "strides=2,2 pads=1,1,1,1 output_padding=1,1",
         {"*f32[1,4,5,5]", "param f32[4,2,3,3]", "param f32[2]"},
         {"f32[1,2,10,10]"},
         "fma=1800 add=200",
         "fma=1800",
         .backward_weight = "fma=1800 add=198"},
        {NULL,
         "ConvTranspose",
         "strides=2,2 auto_pad=SAME_UPPER group=2",
         {"f32[1,4,5,H]", "f32[4,3,3,3]"},
         {"f32[1,6,10,2*H]"},
         .cost = "fma=540*H"},
        {NULL,
         "ConvTranspose",
         "strides=3,2 output_shape=10,8",
         {"f32[1,1,3,3]", "f32[1,2,3,3]"},
         {"f32[1,2,10,8]"},
         .cost = "fma=162"},
    };
    OP_CASES_RUN(cases);
}

void test_conv__gradients(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL,
         "Conv",
         "strides=2,2 pads=3,3,3,3",
         {"*f32[2,3,224,224]", "param f32[64,3,7,7]", "param f32[64]"},
         {"f32[2,64,112,112]"},
         "fma=236027904 add=1605632",
         "fma=236027904",
         .backward_weight = "fma=236027904 add=1605568"},
        {NULL,
         "Conv",
         "group=32 pads=1,1,1,1",
         {"f32[N,32,10,10]", "param f32[32,1,3,3]"},
         {"f32[N,32,10,10]"},
         "fma=28800*N",
         "",
         .backward_weight = "fma=28800*N"},
        {"qonnx.custom_op.channels_last",
         "Conv",
         NULL,
         {"*f32[1,8,8,3]", "param f32[4,3,3,3]", "param f32[4]"},
         {"f32[1,6,6,4]"},
         "fma=3888 add=144",
         "fma=3888",
         .backward_weight = "fma=3888 add=140"},
    };
    OP_CASES_RUN(cases);
}

void test_conv__bad(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL, "Conv", NULL, {"f32[1,3,8,8]", "f32[4,2,3,3]"}, .fails = FW_SHAPE},
        {NULL, "Conv", "group=0", {"f32[1,3,8,8]", "f32[4,3,3,3]"}, .fails = FW_SHAPE},
        {NULL, "Conv", "group=3", {"f32[1,3,8,8]", "f32[4,1,3,3]"}, .fails = FW_SHAPE},
        {NULL, "Conv", NULL, {"f32[1,3,8,2]", "f32[4,3,3,3]"}, .fails = FW_SHAPE},
        {NULL, "Conv", "strides=0,1", {"f32[1,3,8,8]", "f32[4,3,3,3]"}, .fails = FW_SHAPE},
        {NULL, "Conv", "pads=1,1", {"f32[1,3,8,8]", "f32[4,3,3,3]"}, .fails = FW_SHAPE},
        {NULL, "Conv", "kernel_shape=5,5", {"f32[1,3,8,8]", "f32[4,3,3,3]"}, .fails = FW_SHAPE},
        {NULL, "Conv", "auto_pad=BOTH", {"f32[1,3,8,8]", "f32[4,3,3,3]"}, .fails = FW_FORMAT},
        {NULL, "Conv", NULL, {"f32[1,3,8,8]", "f32[4,3,3]"}, .fails = FW_SHAPE},
        {NULL,
         "Conv",
         "pads=4611686018427387903,0,4611686018427387903,0",
         {"f32[1,3,8,8]", "f32[4,3,3,3]"},
         .fails = FW_LIMIT},
        {NULL,
         "ConvTranspose",
         "strides=4611686018427387903,1",
         {"f32[1,3,8,8]", "f32[3,3,3,3]"},
         .fails = FW_LIMIT},
    };
    OP_CASES_RUN(cases);
}

void test_conv__fused(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {"com.microsoft",
         "FusedConv",
         "activation=Relu",
         {"*f32[1,3,8,8]", "param f32[4,3,3,3]", "param f32[4]", "*f32[1,4,6,6]"},
         {"f32[1,4,6,6]"},
         "fma=3888 add=288 minmax=144",
         "fma=3888 minmax=144",
         .backward_weight = "fma=3888 add=140"},
        {"com.microsoft",
         "FusedConv",
         "activation=Clip activation_params=0,6",
         {"*f32[1,3,8,8]", "f32[4,3,3,3]"},
         {"f32[1,4,6,6]"},
         "fma=3888 minmax=288",
         "fma=3888 minmax=288",
         .backward_weight = ""},
        {"com.microsoft",
         "FusedGemm",
         "activation=LeakyRelu activation_alpha=0.1",
         {"*f32[2,3]", "param f32[3,4]", "param f32[4]"},
         {"f32[2,4]"},
         "fma=24 add=8 mul=8 minmax=8",
         "fma=24 mul=8 minmax=8",
         .backward_weight = "fma=24 add=4"},
        {"com.microsoft",
         "FusedMatMulActivation",
         "activation=Sigmoid transB=1",
         {"f32[2,3]", "f32[4,3]"},
         {"f32[2,4]"},
         .cost = "fma=24 add=16 special=8 div=8"},
        {"com.microsoft",
         "GemmFloat8",
         "activation=RELU dtype=10",
         {"f8e4m3[2,3]", "f8e4m3[3,4]", "-", "f32[1]", "f32[1]"},
         {"f16[2,4]"},
         .cost = "fma=24 mul=8 minmax=8"},
        {"com.microsoft",
         "TransposeMatMul",
         "transA=1 alpha=0.5",
         {"f32[3,2]", "f32[3,4]"},
         {"f32[2,4]"},
         .cost = "fma=24 mul=8"},
    };
    OP_CASES_RUN(cases);
}

void test_conv__deform(void **state)
{
    (void)state;
    /* 4 output positions, 9 taps: 36 places, 72 values of 2 channels, 3 outputs. */
    static const struct op_case cases[] = {
        {NULL,
         "DeformConv",
         NULL,
         {"*f32[1,2,4,4]", "param f32[3,2,3,3]", "*f32[1,18,2,2]", "param f32[3]", "*f32[1,9,2,2]"},
         {"f32[1,3,2,2]"},
         "fma=216 add=12+36*6+72*3 minmax=72 mul=36*4+72*5",
         "fma=216 add=36*6+72*(4+2*4+4) minmax=72 mul=36*4+72*(1+4+2*5+5)",
         .backward_weight = "fma=216 add=9+36*6+72*3 minmax=72 mul=36*4+72*5"},
        {NULL,
         "DeformConv",
         NULL,
         {"f32[1,2,4,4]", "f32[3,2,3,3]", "f32[1,17,2,2]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
