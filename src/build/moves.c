/* Arithmetic between tensors, and moves; see builder.h. */
#include "build/builder.h"

#include <string.h>

int fw_add(struct fw_builder *b, int x, int y)
{
    int in[2] = {x, y};
    return fw_build_plain(b, "Add", NULL, in, 2);
}

int fw_mul(struct fw_builder *b, int x, int y)
{
    int in[2] = {x, y};
    return fw_build_plain(b, "Mul", NULL, in, 2);
}

int fw_matmul(struct fw_builder *b, int x, int y)
{
    int in[2] = {x, y};
    return fw_build_plain(b, "MatMul", NULL, in, 2);
}

int fw_einsum(struct fw_builder *b, const char *equation, const int *xs, int n)
{
    struct fw_build_node node = fw_build_node(b, "", "Einsum");
    fw_build_text(&node, "equation", equation);
    return fw_build_add(&node, fw_build_name(b, NULL, "Einsum"), xs, (unsigned)n, 1);
}

int fw_concat(struct fw_builder *b, const int *xs, int n, int axis)
{
    struct fw_build_node node = fw_build_node(b, "", "Concat");
    fw_build_int(&node, "axis", axis);
    return fw_build_add(&node, fw_build_name(b, NULL, "Concat"), xs, (unsigned)n, 1);
}

int fw_reshape(struct fw_builder *b, int x, int rank, const int64_t *dims)
{
    int in[2] = {x, fw_sizes(b, rank, dims)};
    return fw_build_plain(b, "Reshape", NULL, in, 2);
}

int fw_transpose(struct fw_builder *b, int x, const int64_t *perm)
{
    struct fw_build_node n = fw_build_node(b, "", "Transpose");
    int rank = fw_rank_of(b, x);
    if (rank >= 0)
        fw_build_ints(&n, "perm", perm, (unsigned)rank);
    return fw_build_add(&n, fw_build_name(b, NULL, "Transpose"), &x, 1, 1);
}

int fw_flatten(struct fw_builder *b, int x)
{
    return fw_build_plain(b, "Flatten", NULL, &x, 1);
}

int fw_slice(struct fw_builder *b, int x, int axis, int64_t from, int64_t to)
{
    int64_t at = axis;
    to = to > FW_DIM_MAX ? FW_DIM_MAX : to;
    int in[4] = {x, fw_sizes(b, 1, &from), fw_sizes(b, 1, &to), fw_sizes(b, 1, &at)};
    return fw_build_plain(b, "Slice", NULL, in, 4);
}

int fw_split(struct fw_builder *b, int x, int axis, int n, const int64_t *sizes)
{
    struct fw_build_node node = fw_build_node(b, "", "Split");
    fw_build_int(&node, "axis", axis);
    if (sizes == NULL)
        fw_build_int(&node, "num_outputs", n);
    int in[2] = {x, sizes != NULL ? fw_sizes(b, n, sizes) : -1};
    return fw_build_add(&node, fw_build_name(b, NULL, "Split"), in, 2, (unsigned)n);
}

int fw_softmax(struct fw_builder *b, int x, int axis)
{
    struct fw_build_node n = fw_build_node(b, "", "Softmax");
    fw_build_int(&n, "axis", axis);
    return fw_build_add(&n, fw_build_name(b, NULL, "Softmax"), &x, 1, 1);
}

/* The mean over some axes, which stay as size 1 where keep is set. */
int fw_mean(struct fw_builder *b, int x, int n, const int64_t *axes, int keep)
{
    struct fw_build_node node = fw_build_node(b, "", "ReduceMean");
    fw_build_int(&node, "keepdims", keep != 0);
    int in[2] = {x, fw_sizes(b, n, axes)};
    return fw_build_add(&node, fw_build_name(b, NULL, "ReduceMean"), in, 2, 1);
}
