// What the server asks of penstock-fetch, the program that an attempt begins as which reads content from
// outside the data directory: to bring it or to look for it, and then to become the task's command. Travels
// as the program's arguments. Standard library only. Pure.
#pragma once

#include <string>
#include <vector>

namespace penstock {

struct FetchRequest {
  enum class Need { kFetched, kPresent, kPresumed };  // as InputContent::Need
  struct Input {
    Need need = Need::kPresumed;
    std::string name;
    std::string uri;
    std::string path;
  };
  std::vector<Input> inputs;
  std::vector<std::string> command;  // not empty
};

// Without the program's own name.
std::vector<std::string> ToArguments(const FetchRequest& request);

// False if they are not those of a request.
bool ParseArguments(const std::vector<std::string>& arguments, FetchRequest* request);

// Why the content of an input is not at its path, as a sentence for the user.
std::string MissingContent(const FetchRequest::Input& input);

}  // namespace penstock
