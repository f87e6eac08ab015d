/* Replays a fuzz corpus as a plain test: gives every file of a folder to the fuzz target.
 * usage: fuzz_<name> FOLDER */
#define _POSIX_C_SOURCE 200809L /* opendir */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The file's bytes are copied to a block of just their size, so that reads past the end are seen. */
static int replay_file(const char *path)
{
    static uint8_t buffer[1 << 20];
    FILE          *file = fopen(path, "rb");
    if (!file) return -1;
    const size_t size = fread(buffer, 1, sizeof buffer, file);
    (void)fclose(file);
    uint8_t *data = malloc(size ? size : 1);
    if (!data) return -1;
    for (size_t i = 0; i < size; i++) data[i] = buffer[i];
    const int result = LLVMFuzzerTestOneInput(data, size);
    free(data);
    return result;
}

int main(int argc, char **argv)
{
    int  n_file = 0;
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;

    if (!folder) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[4096];
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (replay_file(path) != 0) {
            fprintf(stderr, "%s: not read, or refused by the target\n", path);
            break;
        }
        n_file++;
    }
    const int done = readdir(folder) == NULL;
    (void)closedir(folder);
    printf("%d files replayed\n", n_file);
    return done && n_file > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
