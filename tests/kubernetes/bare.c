// A task of an image that has nothing else: "/task exit N", "/task write FILE TEXT", "/task sleep SECONDS", in any number
// one after the other. Prints who it is and where.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char** arguments) {
  char folder[4096];
  printf("user %d, folder %s\n", (int)getuid(), getcwd(folder, sizeof(folder)) ? folder : "?");
  fflush(stdout);
  for (int i = 1; i < count;) {
    const char* verb = arguments[i++];
    if (strcmp(verb, "exit") == 0 && i < count) return atoi(arguments[i]);
    if (strcmp(verb, "sleep") == 0 && i < count) {
      sleep((unsigned)atoi(arguments[i++]));
    } else if (strcmp(verb, "write") == 0 && i + 1 < count) {
      FILE* file = fopen(arguments[i], "w");
      if (file == NULL || fputs(arguments[i + 1], file) < 0 || fclose(file) != 0) {
        perror(arguments[i]);
        return 1;
      }
      i += 2;
    } else {
      fprintf(stderr, "no such verb: %s\n", verb);
      return 2;
    }
  }
  return 0;
}
