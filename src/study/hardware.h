/* Accelerators: data/hardware.tsv, where a device has one row per source, and finding one by the
 * names people use. */
#ifndef FW_STUDY_HARDWARE_H
#define FW_STUDY_HARDWARE_H

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum fw_figure { // numbers of a row; peaks first, dense
    FW_FIGURE_FP64,
    FW_FIGURE_FP32,
    FW_FIGURE_TF32,
    FW_FIGURE_MATRIX16,
    FW_FIGURE_FP16,
    FW_FIGURE_FP8,
    FW_FIGURE_FP4,
    FW_FIGURE_INT8,
    FW_FIGURE_INT4,
    FW_N_PEAKS,
    FW_FIGURE_SPARSITY = FW_N_PEAKS,
    FW_FIGURE_MEMORY,
    FW_FIGURE_BANDWIDTH,
    FW_FIGURE_SCALE_UP,
    FW_FIGURE_SCALE_OUT,
    FW_FIGURE_POWER,
    FW_FIGURE_PRICE,
    FW_N_FIGURES
};

struct fw_figure_info {
    const char *name;  // "matrix16", the column
    const char *title; // "fp16/bf16"
    const char *unit;  // "FLOP/s"
};
extern const struct fw_figure_info fw_figures[FW_N_FIGURES];

enum { FW_HARDWARE_SOURCES = 2 };

struct fw_hardware_row { // what one source says; 0: nothing
    const char *source;  // "epoch", "curated"
    const char *name;    // as the source calls the device
    const char *words;   // of the name, as they are compared
    const char *released;
    const char *reference;
    const char *note;
    double figure[FW_N_FIGURES];
};

struct fw_hardware {
    const char *name;
    const char *vendor;
    const char *kind; // "GPU"
    const char *per;  // what one row is: "chip", "card of 2 GPUs"
    const char *shorthand;
    const char *words;                               // of the name
    struct fw_hardware_row row[FW_HARDWARE_SOURCES]; // (n_rows) the one that is believed first
    unsigned n_rows;
};

struct fw_hardware_table {
    struct fw_hardware *devices; // (n)
    uint32_t n;
};

enum fw_status fw_hardware_load(struct fw_arena *arena, struct fw_hardware_table *ret,
                                struct fw_error *err);

/* What is taken for a figure: the first source that states it; 0 where none does. *ret_source (may
 * be NULL) names it. */
double fw_hardware_figure(const struct fw_hardware *h, enum fw_figure figure,
                          const char **ret_source);
const char *fw_hardware_released(const struct fw_hardware *h); // "2022-09-20" or ""
/* Both sources state it and differ by more than a hundredth. Not asked of links to neighbours,
 * where one source adds both directions up and the other does not. */
bool fw_hardware_disagrees(const struct fw_hardware *h, enum fw_figure figure);
/* The peak that training runs at when nothing else is said: 16 bits on matrix units, else fp32,
 * else the first of fp16, fp8, int8 there is; FW_N_PEAKS where no peak is known. */
enum fw_figure fw_hardware_usual_peak(const struct fw_hardware *h);

enum { FW_HARDWARE_OTHERS = 6 };
struct fw_hardware_match {
    const struct fw_hardware *device;
    const struct fw_hardware *others[FW_HARDWARE_OTHERS]; // (n_others) what else the name fits
    unsigned n_others;
};
/* By a name such as "H100", "h100 sxm", "A100-80GB": vendor and family words may be missing.
 * FW_USAGE with suggestions when nothing fits, or several devices do whose peaks differ. */
enum fw_status fw_hardware_find(const struct fw_hardware_table *table, const char *name,
                                struct fw_hardware_match *ret, struct fw_error *err);

#endif
