/* Resize, sampling, transforms and text: sizes and counts by hand. */
#include "support/op_case.h"

void test_resize__sizes(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "Resize",
         .in = {"*f32[N,3,H,W]", "-", "f32[4]=1,1,2,2"},
         .out = {"f32[N,3,2*H,2*W]"},
         .cost = "",
         .backward_input = "add=12*H*N*W"},
        {.name = "Resize",
         .in = {"f32[1,1,5,H]", "-", "f32[4]=1,1,0.5,0.75"},
         .out = {"f32[1,1,2,floor(3*H/4)]"}},
        {.name = "Resize",
         .attrs = "mode=linear",
         .in = {"*f32[N,3,4,5]", "-", "-", "i64[4]=N,3,8,10"},
         .out = {"f32[N,3,8,10]"},
         .cost = "mul=1440*N add=720*N",
         .backward_input = "mul=1440*N add=960*N"},
        {.name = "Resize",
         .attrs = "mode=cubic axes=2,3",
         .in = {"f32[1,1,4,4]", "f32[0]", "f32[0]", "i64[2]=2,3"},
         .out = {"f32[1,1,2,3]"},
         .cost = "mul=120 add=90"},
        /* 8 -> 4: 2*ceil(2) = 4 taps; 4 mul, 3 add for each of 4. */
        {.name = "Resize",
         .attrs = "mode=linear antialias=1 axes=0",
         .in = {"f32[8]", "-", "f32[1]=0.5"},
         .out = {"f32[4]"},
         .cost = "mul=16 add=12"},
        {.name = "Resize",
         .attrs = "keep_aspect_ratio_policy=not_larger axes=0,1",
         .in = {"f32[2,4]", "-", "-", "i64[2]=7,8"},
         .out = {"f32[4,8]"}},
        {.name = "Resize",
         .attrs = "keep_aspect_ratio_policy=not_smaller axes=0,1",
         .in = {"f32[2,4]", "-", "-", "i64[2]=7,8"},
         .out = {"f32[7,14]"}},
        {.name = "Resize",
         .attrs = "coordinate_transformation_mode=tf_crop_and_resize axes=0",
         .in = {"f32[8]", "f32[2]=0.25,0.75", "f32[1]=2"},
         .out = {"f32[8]"}},
        {.name = "Resize", .in = {"f32[4]", "-", "f32[2]=1,1"}, .fails = FW_SHAPE},
        {.name = "Resize", .in = {"f32[4]"}, .fails = FW_FORMAT},
        {.name = "Resize",
         .in = {"f32[4]", "-", "f32[1]=..."},
         .out = {"f32[resized]"},
         .not_run = "a drawn scale"},
    };
    OP_CASES_RUN(cases);
}

void test_resize__samples(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* 2*5*6 places (x, y: 120 coordinates); 3*60 = 180 elements of 6 mul, 3 add. */
        {.name = "GridSample",
         .in = {"*f32[2,3,4,4]", "*f32[2,5,6,2]"},
         .out = {"f32[2,3,5,6]"},
         .cost = "mul=1200 add=900 minmax=120",
         .backward_input = "mul=3960 add=2760 minmax=240"},
        {.name = "GridSample",
         .attrs = "mode=nearest",
         .in = {"f32[2,3,4,4]", "f32[2,5,6,2]"},
         .out = {"f32[2,3,5,6]"},
         .cost = "mul=120 add=120 minmax=120"},
        {.name = "AffineGrid",
         .in = {"*f32[N,2,3]", "i64[4]=N,3,4,5"},
         .out = {"f32[N,4,5,2]"},
         .cost = "mul=80*N add=80*N",
         .backward_input = "mul=80*N add=114*N"},
        {.name = "Col2Im",
         .in = {"*f32[N,12,56]", "i64[2]=8,9", "i64[2]=2,2"},
         .out = {"f32[N,3,8,9]"},
         .cost = "add=672*N",
         .backward_input = ""},
        {.name = "Col2Im", .in = {"f32[N,13,L]", "i64[2]=8,9", "i64[2]=2,2"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_resize__signals(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        /* Length 8: 12 products of 6, 24 sums of 2. */
        {.name = "DFT",
         .in = {"*f32[1,8,1]"},
         .out = {"f32[1,8,2]"},
         .cost = "mul=48 add=72",
         .backward_input = "mul=48 add=72"},
        /* Length 6 = 2*3: 3 + 12 products, 6 + 12 sums, twice; half of 6 and 1 are kept. */
        {.name = "DFT",
         .attrs = "onesided=1",
         .in = {"f32[2,6,1]"},
         .out = {"f32[2,4,2]"},
         .cost = "mul=120 add=132"},
        {.name = "DFT", .in = {"f32[B,N,2]", "i64[]=4", "i64[]=1"}, .out = {"f32[B,4,2]"}},
        {.name = "DFT", .in = {"f32[2,4,2]", "i64[]=-2"}, .fails = FW_SHAPE},
        {.name = "DFT", .in = {"f32[2,4,0]"}, .fails = FW_SHAPE},
        {.name = "DFT", .in = {"f32[2,0,2]"}, .out = {"f32[2,0,2]"}, .cost = ""},
        {.name = "Det", .in = {"f32[2,0,0]"}, .out = {"f32[2]"}, .cost = ""},
        {.name = "DFT",
         .attrs = "inverse=1 onesided=1",
         .not_run = "no kernel for the inverse of half a spectrum",
         .in = {"f32[1,5,2]", "-", "i64[]=1"},
         .out = {"f32[1,8,1]"},
         .cost = "add=72 mul=64"}, // 8 points: 12 products, 24 sums, each divided by 8
        {.name = "DFT", .in = {"f32[B,N,2]", "-", "i64[]=2"}, .fails = FW_SHAPE},
        {.name = "STFT",
         .in = {"*f32[B,16,1]", "i64[]=4", "f32[8]"},
         .out = {"f32[B,3,5,2]"},
         .cost = "mul=168*B add=216*B",
         .backward_input = "mul=168*B add=240*B"},
        {.name = "STFT",
         .not_run = "a signal shorter than its frame",
         .in = {"f32[B,L,1]", "i64[]=160", "-", "i64[]=400"},
         .out = {"f32[B,floor((L-400)/160)+1,201,2]"}},
        {.name = "HannWindow",
         .in = {"i64[]=N"},
         .out = {"f32[N]"},
         .cost = "mul=2*N special=N add=N"},
        {.name = "BlackmanWindow",
         .attrs = "output_datatype=11",
         .in = {"i64[]=N"},
         .out = {"f64[N]"},
         .cost = "mul=4*N special=2*N add=2*N"},
        {.name = "MelWeightMatrix",
         .in = {"i64[]=8", "i64[]=16", "i64[]=8192", "f32[]=0", "f32[]=4096"},
         .out = {"f32[9,8]"},
         .cost = "add=167 mul=32 div=167 minmax=154 special=12"},
        /* 3x3: 2 + 1 div and comparisons, 4 + 1 products and sums, 2 products. */
        {.name = "Det",
         .in = {"*f32[B,3,3]"},
         .out = {"f32[B]"},
         .cost = "minmax=3*B div=3*B mul=7*B add=5*B",
         .backward_input = "div=9*B mul=28*B add=18*B"},
        {.name = "Det", .in = {"f32[2,3]"}, .fails = FW_SHAPE},
    };
    OP_CASES_RUN(cases);
}

void test_resize__text(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.name = "StringNormalizer",
         .attrs = "stopwords=a,b",
         .in = {"string[C]"},
         .out = {"string[words]"},
         .cost = ""},
        {.name = "StringConcat", .in = {"string[N,1]", "string[3]"}, .out = {"string[N,3]"}},
        {.name = "StringSplit", .in = {"string[N]"}, .out = {"string[N,parts]", "i64[N]"}},
        {.name = "RegexFullMatch", .in = {"string[N]"}, .out = {"bool[N]"}},
        /* Runs: 6 of one, 5 + 4 of two words (skip 0, 1). */
        {.name = "TfIdfVectorizer",
         .attrs = "max_gram_length=2 max_skip_count=1 min_gram_length=1 mode=IDF ngram_counts=0,2 "
                  "ngram_indexes=0,4,2",
         .in = {"i64[N,6]"},
         .out = {"f32[N,5]"},
         .cost = "add=15*N mul=5*N"},
        {.domain = "ai.onnx.ml",
         .name = "LabelEncoder",
         .attrs = "values_int64s=1,2",
         .in = {"string[N]"},
         .out = {"i64[N]"},
         .cost = ""},
        {.domain = "ai.onnx.ml",
         .name = "ZipMap",
         .in = {"f32[N,3]"},
         .out = {"f32[?]"},
         .cost = "read=12*N write=12*N"},
    };
    OP_CASES_RUN(cases);
}
