/* Preloaded into componentize-py: the random numbers that Python takes while it starts,
 * the seed of its string hashes among them, become a part of the snapshot and must be the
 * same in every build. Constant, because threads share it in no fixed order. */
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    (void)flags;
    memset(buffer, 0x5a, length);
    return (ssize_t)length;
}
