/* Classical machine learning rows. */
#include "support/op_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

void test_classic__models(void **state);
void test_classic__preparation(void **state);
void test_classic__refuses(void **state);

#define ML "ai.onnx.ml"

void test_classic__models(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = ML,
         .name = "LinearRegressor",
         .attrs = "targets=2 coefficients=1,2,3,4,5,6 intercepts=1,2",
         .in = {"f32[N,3]"},
         .out = {"f32[N,2]"},
         .cost = "fma=6*N add=2*N"},
        {.domain = ML, // rows without features are rows
         .name = "LinearRegressor",
         .attrs = "targets=2 intercepts=1,2",
         .in = {"f32[4,0]"},
         .out = {"f32[4,2]"},
         .cost = "add=8"},
        {.domain = ML,
         .name = "LinearClassifier",
         .attrs = "coefficients=1,2,3,4,5,6 classlabels_ints=0,1,2 post_transform=SOFTMAX",
         .in = {"f32[5,2]"},
         .out = {"i64[5]", "f32[5,3]"},
         .cost = "fma=30 minmax=20 add=25 special=15 div=15"},
        /* 2 vectors of 3 features under a radial kernel */
        {.domain = ML,
         .name = "SVMRegressor",
         .attrs = "n_supports=2 coefficients=1,2 rho=1 kernel_type=RBF",
         .in = {"f32[5,3]"},
         .out = {"f32[5,1]"},
         .cost = "fma=40 add=35 mul=10 special=10"},
        /* two trees: depth 2 (root, inner node, three leaves) and 1 */
        {.domain = ML,
         .name = "TreeEnsembleRegressor",
         .attrs = "nodes_treeids=0,0,0,0,0,1,1,1 nodes_nodeids=0,1,2,3,4,0,1,2 "
                  "nodes_truenodeids=1,2,0,0,0,1,0,0 nodes_falsenodeids=4,3,0,0,0,2,0,0 "
                  "nodes_modes=BRANCH_LEQ,BRANCH_LEQ,LEAF,LEAF,LEAF,BRANCH_LEQ,LEAF,LEAF",
         .in = {"f32[N,3]"},
         .out = {"f32[N,1]"},
         .cost = "minmax=3*N add=2*N"},
        {.domain = ML,
         .name = "TreeEnsembleRegressor",
         .attrs = "nodes_treeids=0,0,0,0,0,1,1,1 nodes_nodeids=0,1,2,3,4,0,1,2 "
                  "nodes_truenodeids=1,2,0,0,0,1,0,0 nodes_falsenodeids=4,3,0,0,0,2,0,0 "
                  "nodes_modes=BRANCH_LEQ,BRANCH_GT,LEAF,LEAF,LEAF,BRANCH_LT,LEAF,LEAF "
                  "nodes_featureids=0,2,0,0,0,1,0,0 nodes_values=0.5,0,0,0,0,-0.5,0,0 "
                  "target_treeids=0,0,0,1,1 target_nodeids=2,3,4,1,2 target_ids=0,1,0,1,0 "
                  "target_weights=1,2,3,4,5 n_targets=2",
         .in = {"f32[N,3]"},
         .out = {"f32[N,2]"},
         .cost = "minmax=3*N add=4*N"},
        {.domain = ML,
         .name = "SVMRegressor",
         .attrs = "n_supports=2 coefficients=1,2 rho=1 kernel_type=POLY kernel_params=0.5,1,3 "
                  "support_vectors=1,2,3,4,5,6",
         .in = {"f32[N,3]"},
         .out = {"f32[N,1]"},
         .cost = "fma=8*N add=3*N mul=2*N special=2*N"},
        {.domain = ML,
         .name = "TreeEnsemble",
         .attrs = "n_targets=2 tree_roots=0,2 nodes_truenodeids=1,0,0 nodes_falsenodeids=2,1,3 "
                  "nodes_trueleafs=0,1,1 nodes_falseleafs=1,1,1",
         .in = {"f64[N,3]"},
         .out = {"f64[N,2]"},
         .cost = "minmax=3*N add=4*N"},
    };
    OP_CASES_RUN(cases);
}

void test_classic__preparation(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = ML,
         .name = "Scaler",
         .in = {"i64[5,3]"},
         .out = {"f32[5,3]"},
         .cost = "add=15 mul=15"},
        {.domain = ML,
         .name = "Normalizer",
         .attrs = "norm=L2",
         .in = {"f32[5,3]"},
         .out = {"f32[5,3]"},
         .cost = "mul=15 add=10 sqrt=5 div=15"},
        {.domain = ML,
         .name = "Normalizer",
         .in = {"f32[5,3]"},
         .out = {"f32[5,3]"},
         .cost = "minmax=10 div=15"},
        {.domain = ML,
         .name = "Imputer",
         .in = {"f32[5,3]"},
         .out = {"f32[5,3]"},
         .cost = "minmax=30"},
        {.domain = ML,
         .name = "OneHotEncoder",
         .attrs = "cats_int64s=1,2,3,4",
         .in = {"i64[N]"},
         .out = {"f32[N,4]"},
         .cost = ""},
        {.domain = ML,
         .name = "FeatureVectorizer",
         .in = {"f32[N,3]", "f32[N,2]"},
         .out = {"f32[N,5]"},
         .cost = ""},
    };
    OP_CASES_RUN(cases);
}

void test_classic__refuses(void **state)
{
    (void)state;
    static const struct op_case cases[] = {
        {.domain = ML,
         .name = "LinearClassifier",
         .attrs = "coefficients=1",
         .in = {"f32[5,2]"},
         .fails = FW_FORMAT},
        {.domain = ML,
         .name = "TreeEnsembleRegressor",
         .attrs = "nodes_treeids=0,0",
         .in = {"f32[5,2]"},
         .fails = FW_FORMAT},
    };
    OP_CASES_RUN(cases);
}
