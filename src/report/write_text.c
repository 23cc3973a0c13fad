/* Plain text: a document as the terminal shows it. Answers made of tables alone have `table`. */
#include "report/document.h"
#include "report/writer.h"

static bool has_document(const struct fw_report *r)
{
    return r->document != NULL;
}

const struct fw_writer fw_writer_text = {
    .name = "text", .can = has_document, .write = fw_document_text};
