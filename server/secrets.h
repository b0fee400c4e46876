// What the server was started with and nobody else should read: the command line and the environment of a
// process are files of /proc, the one for all users, the other for all programs of the same user, as tasks are.
#pragma once

#include <vector>

namespace penstock {

// Overwrites passwords in the command line, which has been read by now, and in the environment that the process
// was started with; getenv still gives them. Its memory is closed to other programs of its user from then on,
// and a crash leaves no core file. Before any thread is made.
void HideSecrets(int argc, char** argv);

// The environment for programs that the server starts, without what is about the database; ends with a null
// pointer. Valid as long as nobody changes the environment.
std::vector<char*> EnvironmentForChildren();

}  // namespace penstock
