/* Poolings: sizes, counts and gradients against numbers worked out by hand. */
#include "ops/pool.h"

#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_pool__windows(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL,
         "MaxPool",
         "kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
         {"f32[1,64,112,112]"},
         {"f32[1,64,56,56]"},
         .cost = "minmax=1605632"},
        {NULL,
         "MaxPool",
         "kernel_shape=3,3 strides=2,2 ceil_mode=1",
         {"f32[1,1,112,111]"},
         {"f32[1,1,56,55]", "i64[1,1,56,55]"},
         .cost = "minmax=24640"},
        {NULL,
         "MaxPool",
         "kernel_shape=2 strides=3 pads=1,1 ceil_mode=1",
         {"f32[1,1,2]"},
         {"f32[1,1,1]"},
         .cost = "minmax=1"},
        {NULL,
         "MaxPool",
         "kernel_shape=3 strides=2 ceil_mode=1",
         {"f32[1,1,W]"},
         {"f32[1,1,ceil((W-3)/2)+1]"},
         .cost = "minmax=2*ceil((W-3)/2)+2"},
        {"qonnx.custom_op.channels_last",
         "MaxPool",
         "kernel_shape=2,2 strides=2,2",
         {"f32[1,8,6,5]"},
         {"f32[1,4,3,5]"},
         .cost = "minmax=180"},
        {NULL,
         "AveragePool",
         "kernel_shape=2,2 strides=2,2",
         {"*f32[1,2,4,4]"},
         {"f32[1,2,2,2]"},
         "add=24 div=8",
         "add=32 div=8",
         .backward_weight = ""},
        {NULL,
         "LpPool",
         "kernel_shape=2",
         {"*f32[1,1,4]"},
         {"f32[1,1,3]"},
         "mul=6 add=3 sqrt=3",
         "add=6 mul=6 div=3",
         .backward_weight = ""},
        {NULL,
         "LpPool",
         "kernel_shape=2 p=1",
         {"*f32[1,1,4]"},
         {"f32[1,1,3]"},
         "minmax=6 add=3",
         "add=6 minmax=6",
         .backward_weight = ""},
        {NULL,
         "LpPool",
         "kernel_shape=2 p=3",
         {"*f32[1,1,4]"},
         {"f32[1,1,3]"},
         "minmax=6 special=9 add=3",
         "add=6 mul=6 div=3 special=9 minmax=12",
         .backward_weight = ""},
        {NULL, "MaxPool", NULL, {"f32[1,1,4]"}, .fails = FW_FORMAT},
        {NULL, "MaxPool", "kernel_shape=5", {"f32[1,1,4]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_pool__max_gradient(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* Without indices they are found again. */
        {NULL,
         "MaxPool",
         "kernel_shape=2,2 strides=2,2",
         {"*f32[N,2,4,4]"},
         {"f32[N,2,2,2]"},
         "minmax=24*N",
         "minmax=24*N add=8*N",
         .backward_weight = ""},
        {NULL,
         "MaxPool",
         "kernel_shape=2,2 strides=2,2",
         {"*f32[N,2,4,4]"},
         {"f32[N,2,2,2]", "i64[N,2,2,2]"},
         "minmax=24*N",
         "add=8*N",
         "",
         .train = true},
        {NULL,
         "GlobalMaxPool",
         NULL,
         {"*f32[N,2,4,4]"},
         {"f32[N,2,1,1]", "i64[N,2,1,1]"},
         "minmax=30*N",
         "add=2*N",
         "",
         .train = true},
    };
    OP_CASES_RUN(cases);
}

void test_pool__global(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {NULL,
         "GlobalAveragePool",
         NULL,
         {"*f32[N,512,7,7]"},
         {"f32[N,512,1,1]"},
         "add=24576*N div=512*N",
         "div=512*N",
         .backward_weight = ""},
        {NULL,
         "GlobalLpPool",
         NULL,
         {"*f32[1,2,3,3]"},
         {"f32[1,2,1,1]"},
         "mul=18 add=16 sqrt=2",
         "div=2 mul=18",
         .backward_weight = ""},
        // of nothing
        {NULL,
         "GlobalAveragePool",
         NULL,
         {"*f32[2,3,0]"},
         {"f32[2,3,1]"},
         "",
         "",
         .backward_weight = ""},
        {NULL,
         "GlobalLpPool",
         NULL,
         {"*f32[2,3,0,4]"},
         {"f32[2,3,1,1]"},
         "",
         "",
         .backward_weight = ""},
        {.name = "GlobalLpPool",
         .attrs = "p=0",
         .in = {"*f32[1,2,3]"},
         .out = {"f32[1,2,1]"},
         .gradient = true,
         .rough = true},
    };
    OP_CASES_RUN(cases);
}

#define REGIONS "f32[5,4]=1,1,6,7,0,0,8,8,2,3,4,5,5,4,9,9,0.5,2.25,7.75,3.5"

void test_pool__regions(void **state)
{
    (void)state;
    /* 5 regions, 4 outputs and 16 sampling points each, 2 channels: 80 points, 160 samples. */
    static const struct op_case cases[] = {
        {NULL,
         "RoiAlign",
         "output_height=2 output_width=2 sampling_ratio=2",
         {"*f32[1,2,9,9]", REGIONS, "i64[5]=0,0,0,0,0"},
         {"f32[5,2,2,2]"},
         "mul=20+480+640 add=30+480+640-40 div=20+40 minmax=480",
         "mul=20+480+640 add=30+480+640 div=20+40 minmax=480",
         .backward_weight = ""},
        {NULL,
         "RoiAlign",
         "output_height=2 output_width=2 sampling_ratio=2 mode=max spatial_scale=0.5 "
         "coordinate_transformation_mode=output_half_pixel",
         {"*f32[2,C,9,9]", REGIONS, "i64[5]=0,1,1,0,1"},
         {"f32[5,C,2,2]"},
         "mul=20+480+320*C add=10+480 div=20 minmax=10+480+300*C",
         "mul=20+480+340*C add=10+480+20*C div=20 minmax=10+480+300*C",
         .backward_weight = ""},
        {NULL,
         "RoiAlign",
         "output_height=1 output_width=1",
         {"f32[1,2,9,9]", "f32[R,4]", "i64[R]"},
         {"f32[R,2,1,1]"},
         .cost = "mul=R*(4+14*roi_samples) add=R*(6+14*roi_samples-2) "
                 "div=R*(4+2) minmax=R*6*roi_samples",
         .not_run = "images that are not there"},
        {NULL,
         "MaxRoiPool",
         "pooled_shape=2,2",
         {"*f32[1,2,9,9]", "f32[5,5]=0,1,1,6,7,0,0,0,8,8,0,2,3,4,5,0,5,5,9,9,0,3,0,3,0"},
         {"f32[5,2,2,2]"},
         "mul=20+80 add=20+80 minmax=30+240+40*roi_bin-40 div=10",
         "mul=20+80 add=20+80+40 minmax=30+240+40*roi_bin-40 div=10",
         .backward_weight = ""},
        {NULL,
         "MaxUnpool",
         "kernel_shape=2,2 strides=2,2",
         {"*f32[1,1,2,3]", "i64[1,1,2,3]=0,7,10,18,14,22"},
         {"f32[1,1,4,6]"},
         "",
         "read=6*4+6*8 write=24",
         .backward_weight = ""},
        {NULL,
         "MaxUnpool",
         "kernel_shape=2,2 strides=2,2",
         {"f32[1,1,2,3]", "i64[1,1,2,3]=0,7,10,18,14,22", "i64[4]=1,1,5,N"},
         {"f32[1,1,5,N]"},
         .cost = ""},
        {NULL,
         "RoiAlign",
         "output_height=0",
         {"f32[1,2,9,9]", "f32[5,4]", "i64[5]"},
         .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
