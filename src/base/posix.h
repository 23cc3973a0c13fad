/* Whether the calls of POSIX are there: files that are mapped, listed and renamed. */
#ifndef FW_BASE_POSIX_H
#define FW_BASE_POSIX_H

#if (defined(__unix__) || defined(__APPLE__)) && !defined(__EMSCRIPTEN__)
#define HAVE_POSIX 1
#else
#define HAVE_POSIX 0
#endif

#endif
