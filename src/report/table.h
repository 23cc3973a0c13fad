/* The neutral form of every answer: named tables of typed values; columns are data.
 *
 * A report is a list of tables. A table is a row source: columns, a number of rows, and a function
 * that gives the value of a cell, so that nothing is copied and 100,000 rows cost nothing until
 * they are written. The same table serves every writer: JSON nests by the '/' in a column's key
 * ("forward/mac"; keys with a common beginning stand together), the terminal shows the columns
 * whose `views` ask for it. */
#ifndef FW_REPORT_TABLE_H
#define FW_REPORT_TABLE_H

#include "base/arena.h"
#include "base/poly.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum fw_value_kind {
    FW_VALUE_NULL,
    FW_VALUE_BOOL,
    FW_VALUE_INT,   // int64
    FW_VALUE_COUNT, // exact, may hold letters
    FW_VALUE_FLOAT,
    FW_VALUE_TEXT,
    FW_VALUE_SHAPE, // list of dimensions
    FW_VALUE_TABLE, // rows inside a row
    FW_VALUE_ABSENT // the key does not appear in this row
};

struct fw_table;

struct fw_value {
    enum fw_value_kind kind;
    union {
        bool b;
        int64_t i;
        fw_count count;
        double f;
        const char *text;
        struct {
            const fw_dim *dims; // (rank)
            unsigned rank;
        } shape;
        const struct fw_table *table;
    };
};

static inline struct fw_value fw_value_kind(enum fw_value_kind kind)
{
    return (struct fw_value){.kind = kind};
}
static inline struct fw_value fw_value_bool(bool b)
{
    return (struct fw_value){.kind = FW_VALUE_BOOL, .b = b};
}
static inline struct fw_value fw_value_int(int64_t i)
{
    return (struct fw_value){.kind = FW_VALUE_INT, .i = i};
}
static inline struct fw_value fw_value_count(fw_count count)
{
    return (struct fw_value){.kind = FW_VALUE_COUNT, .count = count};
}
static inline struct fw_value fw_value_float(double f)
{
    return (struct fw_value){.kind = FW_VALUE_FLOAT, .f = f};
}
static inline struct fw_value fw_value_text(const char *text) // NULL gives NULL
{
    return (struct fw_value){.kind = text == NULL ? FW_VALUE_NULL : FW_VALUE_TEXT, .text = text};
}

enum fw_unit {
    FW_UNIT_NONE,
    FW_UNIT_COUNT,
    FW_UNIT_FLOP,
    FW_UNIT_BYTES,
    FW_UNIT_SHARE,     // a part of one, for people in percent
    FW_UNIT_CHANGE,    // the same with its sign
    FW_UNIT_FLOP_RATE, // FLOP a second
    FW_UNIT_BYTE_RATE, // bytes a second
    FW_UNIT_SECONDS,
    FW_UNIT_MEASURE, // what is known to a few figures: 3.14e23, 1,022,362, 0.477
    FW_UNIT_FORMULA  // a text in the language of math.h
};

enum fw_view {           // where a column appears; JSON and CSV have all that are not PEOPLE
    FW_VIEW_TABLE = 1,   // terminal, Markdown, HTML
    FW_VIEW_WIDE = 2,    // on the terminal only where there is room
    FW_VIEW_PEOPLE = 4,  // derived for reading: not in JSON and CSV
    FW_VIEW_NAME = 8,    // may be shortened in the middle to fit
    FW_VIEW_BOTH = 16,   // exact and rounded side by side where there is room
    FW_VIEW_JOIN = 32,   // goes together with the wide column before it
    FW_VIEW_WRAP = 64,   // text that may take several lines
    FW_VIEW_TREE = 128,  // a number that the tree sums up
    FW_VIEW_NESTED = 256 // rows inside the row: JSON only
};

struct fw_column {
    const char *key;   // "forward/mac": place in the JSON row
    const char *title; // "fwd MAC"
    const char *help;  // one sentence with the unit
    enum fw_unit unit;
    unsigned views; // enum fw_view
};

enum fw_table_flag {
    FW_TABLE_RECORD = 1, // one row: a JSON object, on the terminal "title: value" lines
    FW_TABLE_MERGE = 2,  // a record whose keys stand at the top level of the JSON form
    FW_TABLE_JSON_ONLY = 4,
    FW_TABLE_PEOPLE = 8,      // not in JSON
    FW_TABLE_MAIN = 16,       // the one that csv and tree are about; column 0 is the name
    FW_TABLE_TREE = 32,       // names are paths, numbers may be summed
    FW_TABLE_SKIP_EMPTY = 64, // the terminal leaves it out when it has no rows
    FW_TABLE_EXACT = 128      // wide columns go before exact numbers do
};

struct fw_table {
    const char *key;       // "layers"
    const char *title;     // "Layers"
    const char *empty;     // what the terminal says where it shows no row; NULL: nothing
    const char *free_text; // why rows are hidden: "they cost nothing"
    const struct fw_column *columns;
    uint32_t n_columns;
    uint32_t n_rows;
    unsigned flags; // enum fw_table_flag
    void *ctx;
    struct fw_value (*cell)(const struct fw_table *t, uint32_t row, uint32_t column);
    bool (*is_free)(const struct fw_table *t, uint32_t row); // hidden on the terminal; or NULL
    /* Rows that people see under a row, what it is made of; both NULL where there are none. */
    unsigned (*n_under)(const struct fw_table *t, uint32_t row);
    struct fw_value (*under)(const struct fw_table *t, uint32_t row, unsigned k, uint32_t column);
};

#endif
