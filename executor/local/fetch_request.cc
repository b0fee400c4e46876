#include "executor/local/fetch_request.h"

#include <string_view>
#include <utility>

#include "common/redacted.h"

namespace penstock {
namespace {

// An input is one of these and its name, URI and path.
constexpr std::pair<std::string_view, FetchRequest::Need> kNeeds[] = {
    {"--fetch", FetchRequest::Need::kFetched},
    {"--require", FetchRequest::Need::kPresent},
    {"--presume", FetchRequest::Need::kPresumed},
};
constexpr size_t kWordsOfInput = 4;

const FetchRequest::Need* NeedOf(std::string_view word) {
  for (const auto& [name, need] : kNeeds) {
    if (name == word) return &need;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> ToArguments(const FetchRequest& request) {
  std::vector<std::string> out;
  for (const FetchRequest::Input& input : request.inputs) {
    for (const auto& [name, need] : kNeeds) {
      if (need == input.need) out.emplace_back(name);
    }
    out.insert(out.end(), {input.name, input.uri, input.path});
  }
  out.emplace_back("--");
  out.insert(out.end(), request.command.begin(), request.command.end());
  return out;
}

bool ParseArguments(const std::vector<std::string>& arguments, FetchRequest* request) {
  size_t i = 0;
  while (i < arguments.size() && arguments[i] != "--") {
    const FetchRequest::Need* need = NeedOf(arguments[i]);
    if (need == nullptr || i + kWordsOfInput > arguments.size()) return false;
    request->inputs.push_back({*need, arguments[i + 1], arguments[i + 2], arguments[i + 3]});
    i += kWordsOfInput;
  }
  if (i >= arguments.size()) return false;
  request->command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1, arguments.end());
  return !request->command.empty();
}

std::string MissingContent(const FetchRequest::Input& input) {
  const std::string uri = WithoutPasswords(input.uri);
  const std::string it = "Input '" + input.name + "'";
  const bool is_path = input.uri.rfind('/', 0) == 0 || input.uri.rfind("file:", 0) == 0;
  if (is_path && input.path.rfind('/', 0) == 0) {
    return it + " was imported from " + uri + ", and there is no " + input.path + " on this machine";
  }
  if (input.uri.find("://") == std::string::npos) {
    return it + " was imported from '" + uri +
           "', which is neither a URI with a scheme nor an absolute path: nothing says where it is";
  }
  return it + " was imported from " + uri +
         ", which is not fetched here: only http://, https:// and files of this machine are" +
         (input.path == input.uri ? "" : ", and nothing is mounted at " + input.path) +
         ". Its URI can be used";
}

}  // namespace penstock
