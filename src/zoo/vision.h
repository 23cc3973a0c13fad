/* What image networks have in common: the input, convolution with normalisation and activation,
 * squeeze and excitation, the classifier. Names of layers are those of torchvision. */
#ifndef FW_ZOO_VISION_H
#define FW_ZOO_VISION_H

#include "zoo/zoo.h"

/* Keys of a classifier of images. */
#define FW_ZOO_IMAGE_KEYS(name, size)         \
    static const struct fw_zoo_key name[] = { \
        FW_ZOO_BATCH,                         \
        FW_ZOO_SIZE(size),                    \
        FW_ZOO_CLASSES("1000"),               \
    }

/* The same with a factor of all widths. */
#define FW_ZOO_WIDTH_KEYS(name, size, factor)                   \
    static const struct fw_zoo_key name[] = {                   \
        {"width", factor, "factor of all numbers of channels"}, \
        FW_ZOO_BATCH,                                           \
        FW_ZOO_SIZE(size),                                      \
        FW_ZOO_CLASSES("1000"),                                 \
    }

int fw_zoo_image(struct fw_zoo *z); // batch x 3 x size x size
/* A square window without bias that keeps the size at stride 1; groups 1: dense. */
struct fw_window_spec fw_zoo_window(int64_t kernel, int64_t stride, int64_t groups);
/* Convolution, batch normalisation and activation ("none") under two names, */
int fw_zoo_conv_bn(struct fw_builder *b, int x, const char *conv, const char *norm, int64_t filters,
                   const struct fw_window_spec *w, const char *act);
/* or as "NAME.0" and "NAME.1" with the window of kernel, stride and groups. */
int fw_zoo_block(struct fw_builder *b, int x, const char *name, int64_t filters, int64_t kernel,
                 int64_t stride, int64_t groups, const char *act);
/* x * gate(fc2(act(fc1(mean of x)))) */
int fw_zoo_squeeze_excite(struct fw_builder *b, int x, const char *name, int64_t squeezed,
                          const char *act, const char *gate);
/* Mean over windows that make size x size of it; the input's size must be a multiple. */
int fw_zoo_pool_to(struct fw_builder *b, int x, int64_t size);
/* The output: a linear layer over the mean of x. */
void fw_zoo_classify(struct fw_zoo *z, int x, const char *name, double dropout);
/* v rounded to a multiple of divisor, but not by more than a tenth below v. */
int64_t fw_zoo_divisible(double v, int64_t divisor);

#endif
