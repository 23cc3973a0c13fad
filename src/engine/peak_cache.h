/* What was measured before: one small text file for each machine and number of cores. */
#ifndef FW_ENGINE_PEAK_CACHE_H
#define FW_ENGINE_PEAK_CACHE_H

#include "engine/peak.h"

/* False when nothing (usable) was kept for this machine with ret->cores cores. */
bool fw_peak_load(const struct fw_machine *m, struct fw_peak *ret);
void fw_peak_store(const struct fw_machine *m,
                   const struct fw_peak *p); // failing silently: a cache

#endif
