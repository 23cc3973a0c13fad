/* Rows that move elements: shapes, contents and gradients worked out by hand. */
#include "support/op_case.h"

void test_move__reshape(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Reshape",
         .in = {"*f32[2,3,4]", "i64[2]=4,6"},
         .out = {"f32[4,6]"},
         .cost = "",
         .backward_input = ""},
        {.name = "Reshape", .in = {"f32[2,3,4]", "i64[3]=0,-1,2"}, .out = {"f32[2,6,2]"}},
        {.name = "Reshape", .in = {"f32[B,T,12*H]", "i64[4]=0,0,H,-1"}, .out = {"f32[B,T,H,12]"}},
        {.name = "Reshape", .in = {"f32[N,C,H,W]", "i64[3]=0,-1,H*W"}, .out = {"f32[N,C,H*W]"}},
        {.name = "Reshape", .in = {"f32[N,64,7,7]", "i64[2]=N,-1"}, .out = {"f32[N,3136]"}},
        {.name = "Reshape", .in = {"f32[N,4,H,W]", "i64[2]=-1,4"}, .out = {"f32[H*N*W,4]"}},
        {.name = "Reshape", .in = {"f32[0,3]", "i64[2]=0,-1"}, .out = {"f32[0,3]"}},
        {.name = "Reshape",
         .attrs = "allowzero=1",
         .in = {"f32[0,3]", "i64[2]=3,0"},
         .out = {"f32[3,0]"}},
        {.name = "Reshape", .in = {"i64[2]=N,7", "i64[2]=1,-1"}, .out = {"i64[1,2]=N,7"}},
        {.name = "Reshape",
         .in = {"f32[N,3]", "i64[1]=..."},
         .out = {"f32[3*N]"},
         .not_run = "a drawn shape"},
        {.name = "Reshape",
         .in = {"f32[N,3]", "i64[2]=..."},
         .out = {"f32[Reshape,Reshape_2]"},
         .not_run = "a drawn shape"},
        {.name = "Reshape",
         .in = {"f32[N,3]", "i64[K]"},
         .out = {"f32[?]"},
         .not_run = "a drawn shape"},
        {.name = "Reshape", .in = {"f32[2,3]", "i64[1]=5"}, .out = {"-"}, .fails = FW_SHAPE},
        {.name = "Reshape", .in = {"f32[2,3]", "i64[2]=4,-1"}, .out = {"-"}, .fails = FW_SHAPE},
        {.name = "Reshape", .in = {"f32[2,3]", "i64[2]=-1,-1"}, .out = {"-"}, .fails = FW_SHAPE},
        {.name = "Reshape",
         .attrs = "allowzero=1",
         .in = {"f32[2,3]", "i64[2]=0,-1"},
         .out = {"-"},
         .fails = FW_SHAPE},
        {.name = "Flatten",
         .in = {"*f32[N,3,H]"},
         .out = {"f32[N,3*H]"},
         .cost = "",
         .backward_input = ""},
        {.name = "Flatten", .attrs = "axis=-1", .in = {"f32[2,3,4]"}, .out = {"f32[6,4]"}},
        {.name = "Flatten", .attrs = "axis=0", .in = {"f32[]"}, .out = {"f32[1,1]"}},
        {.name = "Flatten", .attrs = "axis=4", .in = {"f32[2,3,4]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_move__squeeze(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Squeeze", .in = {"*f32[1,N,1,3]"}, .out = {"f32[N,3]"}, .backward_input = ""},
        {.name = "Squeeze", .in = {"f32[1,N,1,3]", "i64[1]=-2"}, .out = {"f32[1,N,3]"}},
        {.name = "Squeeze", .in = {"i64[1]=N", "i64[1]=0"}, .out = {"i64[]=N"}},
        {.name = "Squeeze", .in = {"f32[2,3]", "i64[1]=0"}, .fails = FW_SHAPE},
        {.name = "Unsqueeze",
         .in = {"*f32[N,3]", "i64[2]=0,-1"},
         .out = {"f32[1,N,3,1]"},
         .backward_input = ""},
        {.name = "Unsqueeze", .in = {"i64[]=2*N", "i64[1]=0"}, .out = {"i64[1]=2*N"}},
        {.name = "Unsqueeze", .in = {"f32[3]", "i64[2]=0,0"}, .fails = FW_SHAPE},
        {.name = "Unsqueeze",
         .in = {"f32[3]", "i64[1]=..."},
         .out = {"f32[Unsqueeze,Unsqueeze_2]"}},
    };
    OP_CASES_RUN(cases);
}

void test_move__transpose(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Transpose",
         .in = {"*f32[A,B,C]"},
         .out = {"f32[C,B,A]"},
         .cost = "",
         .backward_input = ""},
        {.name = "Transpose",
         .attrs = "perm=2,0,1",
         .in = {"param f32[2,3,5]"},
         .out = {"f32[5,2,3]"},
         .backward_weight = ""},
        {.name = "Transpose", .in = {"i64[2,3]=1,2,3,4,5,N"}, .out = {"i64[3,2]=1,4,2,5,3,N"}},
        {.name = "Transpose", .attrs = "perm=0,0", .in = {"f32[2,3]"}, .fails = FW_SHAPE},
        {.name = "SpaceToDepth",
         .attrs = "blocksize=2",
         .in = {"*f32[N,3,H,4]"},
         .out = {"f32[N,12,H/2,2]"},
         .cost = "",
         .backward_input = ""},
        {.name = "SpaceToDepth", .attrs = "blocksize=2", .in = {"f32[1,3,5,4]"}, .fails = FW_SHAPE},
        {.name = "SpaceToDepth", .attrs = "blocksize=0", .in = {"f32[1,3,4,4]"}, .fails = FW_SHAPE},
        {.name = "DepthToSpace",
         .attrs = "blocksize=2 mode=CRD",
         .in = {"*f32[N,12,H,W]"},
         .out = {"f32[N,3,2*H,2*W]"},
         .cost = "",
         .backward_input = ""},
        {.name = "ReverseSequence",
         .in = {"*f32[T,B,4]", "i64[B]"},
         .out = {"f32[T,B,4]"},
         .cost = "",
         .backward_input = ""},
    };
    OP_CASES_RUN(cases);
}

void test_move__expand(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Expand",
         .in = {"*f32[3,1]", "i64[3]=N,1,4"},
         .out = {"f32[N,3,4]"},
         .cost = "",
         .backward_input = "add=12*N-3"},
        {.name = "Expand", .in = {"i64[2,1]=5,N", "i64[2]=1,2"}, .out = {"i64[2,2]=5,5,N,N"}},
        {.name = "Expand",
         .in = {"f32[3,1]", "i64[2]=..."},
         .out = {"f32[Expand,Expand_2]"},
         .not_run = "a drawn shape"},
        {.name = "Expand", .in = {"f32[3]", "i64[1]=4"}, .fails = FW_SHAPE},
        {.domain = "flopwise",
         .name = "ExpandLike",
         .in = {"f32[3,1]", "f32[N,3,4]"},
         .out = {"f32[N,3,4]"},
         .cost = ""},
        {.name = "Tile",
         .in = {"*f32[2,N]", "i64[2]=3,K"},
         .out = {"f32[6,K*N]"},
         .cost = "",
         .backward_input = "add=6*K*N-2*N"},
        {.name = "Tile",
         .in = {"i64[2,2]=1,2,3,4", "i64[2]=1,2"},
         .out = {"i64[2,4]=1,2,1,2,3,4,3,4"}},
        {.name = "Tile",
         .in = {"*f32[2,3]", "i64[2]=2,0"},
         .out = {"f32[4,0]"},
         .cost = "",
         .backward_input = ""},
        {.name = "Tile", .in = {"f32[2,2]", "i64[1]=2"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_move__concat(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Concat",
         .attrs = "axis=1",
         .in = {"*f32[N,3]", "*f32[N,C]"},
         .out = {"f32[N,3+C]"},
         .cost = "",
         .backward_input = "read=12*N+4*C*N+16 write=12*N+4*C*N"},
        {.name = "Concat",
         .attrs = "axis=0",
         .in = {"i64[1]=N", "i64[2]=3,-1"},
         .out = {"i64[3]=N,3,-1"}},
        {.name = "Concat",
         .attrs = "axis=-1",
         .in = {"i64[2,1]=1,2", "i64[2,2]=3,4,5,6"},
         .out = {"i64[2,3]=1,3,4,2,5,6"}},
        {.name = "Concat",
         .attrs = "axis=0",
         .in = {"i64[]=8", "i64[1]=N", "i64[]=4"},
         .out = {"i64[3]=8,N,4"}},
        {.name = "Concat", .attrs = "axis=0", .in = {"i64[1]=N", "i64[]"}, .fails = FW_SHAPE},
        {.name = "Concat", .attrs = "axis=0", .in = {"i64[]=1", "i64[]=2"}, .fails = FW_SHAPE},
        {.name = "Concat", .attrs = "axis=0", .in = {"f32[1,3]", "f32[1,4]"}, .fails = FW_SHAPE},
        {.name = "Concat", .attrs = "axis=0", .in = {"f32[3]", "f32[1,3]"}, .fails = FW_SHAPE},
        {.name = "Split",
         .attrs = "axis=1",
         .in = {"*f32[N,6]"},
         .out = {"f32[N,3]", "f32[N,3]"},
         .cost = "read=24*N write=24*N",
         .backward_input = ""},
        {.name = "Split",
         .attrs = "axis=1",
         .in = {"*f32[N,6]", "i64[2]=2,4"},
         .out = {"f32[N,2]", "f32[N,4]"},
         .backward_input = "",
         .no_dy = 2},
        {.name = "Split",
         .attrs = "num_outputs=3",
         .in = {"f32[7]"},
         .out = {"f32[3]", "f32[3]", "f32[1]"}},
        {.name = "Split",
         .attrs = "num_outputs=2",
         .in = {"f32[N]"},
         .out = {"f32[ceil(N/2)]", "f32[N-ceil(N/2)]"}},
        {.name = "Split", .in = {"i64[4]=N,2,3,4"}, .out = {"i64[2]=N,2", "i64[2]=3,4"}},
        {.name = "Split", .in = {"f32[5]"}, .out = {"-", "-"}, .fails = FW_SHAPE},
        {.name = "Split", .in = {"f32[5]", "i64[2]=2,2"}, .out = {"-", "-"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}
