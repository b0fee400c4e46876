// In place of glibc's function of this name, which is younger (2.36) than everything else that the wheel needs.
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

void arc4random_buf(void* bytes, size_t size) {
  char* next = bytes;
  while (size > 0) {
    const ssize_t got = getrandom(next, size, 0);
    if (got < 0 && errno != EINTR) abort();  // the kernel always has some
    if (got < 0) continue;
    next += got;
    size -= (size_t)got;
  }
}
