/* A model file or a network that was built, as callers hold it. */
#ifndef FW_API_NET_H
#define FW_API_NET_H

#include "base/file.h"
#include "report/answers.h"

struct fw_meter;

struct fw_net {
    unsigned users;               // the caller's handle and every report that stands on the file
    const struct fw_alloc *alloc; // of the meter
    struct fw_meter *meter;
    struct fw_arena arena; // path and bindings
    struct fw_file file;
    struct fw_model *built; // a network that was built, instead of a file; or NULL
    const char *path;       // of the file that was opened; of a folder, the one that describes it
    const char *folder;     // where that file stands, NULL for standard input and what is built
    bool whole_folder;      // the folder was given, not the file
    struct fw_binding *symbols; // (n_symbols)
    size_t n_symbols;
    struct fw_binding *shapes; // (n_shapes)
    size_t n_shapes;
};

/* fw_net_open with an allocator of the caller's choice, which everything asked later uses too. */
enum fw_status fw_net_open_with(struct fw_net **ret, const char *path, const struct fw_alloc *alloc,
                                struct fw_error *err);

/* A network that a file in `folder` names: zoo:NAME, or a path that may not leave the folder (see
 * base/folder.h). */
enum fw_status fw_net_open_named(struct fw_net **ret, const char *folder, const char *name,
                                 const char *const *limits, struct fw_error *err);

/* meter.c: an allocator over another that knows what is in use, holds the limits of one net and
 * refuses memory beyond. It outlives the net as long as anything is in use. A net that is opened on
 * another's allocator stands under that one's limits and its time. */
enum fw_status fw_meter_new(struct fw_meter **ret, const struct fw_alloc *under,
                            struct fw_error *err);
void fw_meter_leave(struct fw_meter *m); // frees it now, or with the last that is in use; NULL-safe
const struct fw_alloc *fw_meter_alloc(const struct fw_meter *m);
enum fw_status fw_meter_set(struct fw_meter *m, const char *const *limits, struct fw_error *err);
void fw_meter_start(struct fw_meter *m); // an analysis begins: it has the time of limit `time`
/* status, but for FW_MEMORY that the meter refused: FW_LIMIT, and err says so. */
enum fw_status fw_meter_judge(const struct fw_meter *m, enum fw_status status,
                              struct fw_error *err);

/* An analysis with the file it reads from; what reports own. */
struct fw_study {
    struct fw_net *net;
    struct fw_analysis analysis;
};

/* memory: fill the memory answers. Errors name the file. */
enum fw_status fw_study_new(struct fw_study **ret, struct fw_net *net,
                            const struct fw_options *options, bool memory, struct fw_error *err);
/* One symbol is bound otherwise than the net has it (to itself: it stays open). */
enum fw_status fw_study_new_with(struct fw_study **ret, struct fw_net *net,
                                 const struct fw_options *options, bool memory,
                                 const struct fw_binding *instead, struct fw_error *err);
/* FW_USAGE names a size of an input that is open. */
enum fw_status fw_study_want_numbers(struct fw_study *study, struct fw_error *err);
/* A study in which a batch that is left open is 1. */
enum fw_status fw_study_of_one(struct fw_study **ret, struct fw_net *net,
                               const struct fw_options *options, bool memory, struct fw_error *err);
void fw_study_free(struct fw_study *study); // NULL-safe
/* The number in an option's text; NULL: otherwise. Errors: FW_USAGE. */
enum fw_status fw_whole_number(const char *option, const char *text, uint64_t least, uint64_t most,
                               uint64_t otherwise, uint64_t *ret, struct fw_error *err);
struct fw_asked fw_asked_of(const struct fw_net *net, const struct fw_options *options);
/* Gives the study to the report it stands on, or frees it after an error. */
enum fw_status fw_study_own(enum fw_status status, struct fw_report *report, struct fw_study *study,
                            struct fw_report **ret);

/* FW_USAGE: a name that is not in a list; the message says which was meant, or all there are. */
enum fw_status fw_name_unknown(const char *what, const char *name, const char *(*name_at)(size_t i),
                               struct fw_error *err);

#endif
