/* Slices and pads with numbers and letters, checked by hand against the standard's clamping. */
#include "support/op_case.h"

#define FAR "4611686018427387903" // what INT64_MAX is kept as

void test_slice__numbers(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Slice",
         .in = {"*f32[20,10,5]", "i64[2]=0,0", "i64[2]=3,10", "i64[2]=0,1"},
         .out = {"f32[3,10,5]"},
         .cost = "read=648 write=600",
         .backward_input = ""},
        {.name = "Slice",
         .in = {"f32[20,10]", "i64[1]=1", "i64[1]=1000", "i64[1]=1"},
         .out = {"f32[20,9]"}},
        {.name = "Slice",
         .in = {"f32[20,10]", "i64[1]=0", "i64[1]=-1", "i64[1]=1"},
         .out = {"f32[20,9]"}},
        {.name = "Slice", .in = {"f32[20]", "i64[1]=1000", "i64[1]=1000"}, .out = {"f32[0]"}},
        {.name = "Slice",
         .in = {"i64[5]=1,2,3,4,N", "i64[1]=-1", "i64[1]=-" FAR, "i64[1]=0", "i64[1]=-2"},
         .out = {"i64[3]=N,3,1"}},
        {.name = "Slice",
         .in = {"f32[20]", "i64[1]=10", "i64[1]=0", "i64[1]=0", "i64[1]=-4"},
         .out = {"f32[3]"}},
        {.name = "Slice",
         .in = {"i64[2,3]=1,2,3,4,5,6", "i64[2]=1,1", "i64[2]=2,9"},
         .out = {"i64[1,2]=5,6"}},
        {.name = "Slice",
         .in = {"f32[4]", "i64[1]=0", "i64[1]=2", "i64[1]=0", "i64[1]=0"},
         .fails = FW_SHAPE},
        {.name = "Slice", .in = {"f32[4]", "i64[1]=0", "i64[1]=2", "i64[1]=1"}, .fails = FW_SHAPE},
        {.name = "Slice", .in = {"f32[4]", "i64[2]=0,0", "i64[1]=2"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_slice__letters(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Slice",
         .in = {"*f32[N]", "i64[1]=1", "i64[1]=" FAR},
         .out = {"f32[N-1]"},
         .backward_input = ""},
        {.name = "Slice", .in = {"f32[N]", "i64[1]=0", "i64[1]=1"}, .out = {"f32[1]"}},
        {.name = "Slice", .in = {"f32[N]", "i64[1]=-1", "i64[1]=" FAR}, .out = {"f32[1]"}},
        {.name = "Slice", .in = {"f32[N]", "i64[1]=0", "i64[1]=-1"}, .out = {"f32[N-1]"}},
        {.name = "Slice", .in = {"f32[N]", "i64[1]=0", "i64[1]=4"}, .out = {"f32[min(N,4)]"}},
        {.name = "Slice", .in = {"f32[N+4]", "i64[1]=0", "i64[1]=4"}, .out = {"f32[4]"}},
        {.name = "Slice", .in = {"f32[N+P]", "i64[1]=P", "i64[1]=N+P"}, .out = {"f32[N]"}},
        {.name = "Slice", .in = {"f32[N+P]", "i64[1]=-N", "i64[1]=" FAR}, .out = {"f32[N]"}},
        {.name = "Slice", .in = {"f32[512]", "i64[1]=0", "i64[1]=N"}, .out = {"f32[min(512,N)]"}},
        {.name = "Slice",
         .in = {"f32[N]", "i64[1]=0", "i64[1]=" FAR, "i64[1]=0", "i64[1]=2"},
         .out = {"f32[ceil(N/2)]"}},
        {.name = "Slice",
         .in = {"f32[N]", "i64[1]=-1", "i64[1]=-" FAR, "i64[1]=0", "i64[1]=-1"},
         .out = {"f32[N]"}},
        {.name = "Slice",
         .in = {"f32[N,3]", "i64[1]=...", "i64[1]=5", "i64[1]=0"},
         .out = {"f32[Slice,3]"}},
        {.name = "Slice",
         .in = {"f32[3,3]", "i64[K]", "i64[K]"},
         .out = {"f32[Slice,Slice_2]"},
         .not_run = "the letter is no size"},
    };
    OP_CASES_RUN(cases);
}

void test_slice__pad(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Pad",
         .in = {"*f32[N,3]", "i64[4]=0,1,0,2"},
         .out = {"f32[N,6]"},
         .cost = "",
         .backward_input = "read=12*N write=12*N"},
        {.name = "Pad",
         .attrs = "mode=reflect",
         .in = {"*f32[N,3]", "i64[4]=0,1,0,2"},
         .out = {"f32[N,6]"},
         .cost = "",
         .backward_input = "add=3*N"},
        {.name = "Pad",
         .attrs = "mode=edge",
         .in = {"*f32[8]", "i64[2]=-2,3"},
         .out = {"f32[9]"},
         .backward_input = "add=3"},
        {.name = "Pad", .in = {"f32[N,3]", "i64[2]=1,K", "-", "i64[1]=0"}, .out = {"f32[N+K+1,3]"}},
        {.name = "Pad", .in = {"i64[2]=N,3", "i64[2]=1,0", "i64[]=7"}, .out = {"i64[3]=7,N,3"}},
        {.name = "Pad", .in = {"f32[2]", "i64[2]=-3,0"}, .fails = FW_SHAPE},
        {.name = "Pad", .in = {"f32[2]", "i64[3]=0,0,0"}, .fails = FW_SHAPE},
        {.name = "Crop",
         .attrs = "border=1,2,3,4",
         .in = {"*f32[1,3,20,30]"},
         .out = {"f32[1,3,14,26]"},
         .backward_input = ""},
        {.name = "CenterCropPad",
         .attrs = "axes=1",
         .in = {"*f32[2,9]", "i64[1]=5"},
         .out = {"f32[2,5]"},
         .cost = "read=40 write=40",
         .backward_input = "read=40 write=72"},
    };
    OP_CASES_RUN(cases);
}
