// libpq, and the wake-up descriptor that Glibc's module map leaves out.
#include <libpq-fe.h>
#include <sys/eventfd.h>
