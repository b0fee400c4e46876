// penstock-fetch: what an attempt begins as that reads content from outside the data directory. Fetches what
// is behind http and https URLs, looks for the rest, and becomes the task's command. The arguments are those
// of fetch_request.h; the server writes them, in a file (argument_file.h).
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/redacted.h"
#include "common/status_macros.h"
#include "content/http_fetch.h"
#include "executor/local/fetch_request.h"
#include "executor/posix/argument_file.h"
#include "executor/posix/become_command.h"
#include "executor/posix/start_files.h"

namespace penstock {
namespace {

constexpr int kUsageExit = 2;

// The server tells what is in the file in place of the exit code.
int Fail(const std::string& sentence) {
  std::fprintf(stderr, "penstock: %s\n", sentence.c_str());
  std::ofstream(std::string(kStartErrorFile)) << sentence;
  return kStartFailedExit;
}

// Keeps it for the case that the attempt fails.
void Note(const std::string& sentence) {
  std::fprintf(stderr, "penstock: %s\n", sentence.c_str());
  std::ofstream file(std::string(kInputNotesFile), std::ios::app);
  if (static_cast<int64_t>(file.tellp()) + static_cast<int64_t>(sentence.size()) < limits::kInputNotesBytes) {
    file << sentence << ".\n";
  }
}

// A file or a directory of this machine.
absl::Status Copy(const std::string& from, const std::string& to) {
  std::error_code error;
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat(from, " cannot be copied to ", to, ": ", error.message()));
  }
  std::fprintf(stderr, "penstock: copied %s\n", WithoutPasswords(from).c_str());
  return absl::OkStatus();
}

absl::Status Download(const std::string& url, const std::string& part) {
  const auto unwritable = [&] {
    return absl::UnavailableError(absl::StrCat("cannot write ", part, ": ", std::strerror(errno)));
  };
  std::FILE* file = std::fopen(part.c_str(), "wbe");
  if (file == nullptr) return unwritable();
  const auto write = [&](absl::string_view piece) {
    return std::fwrite(piece.data(), 1, piece.size(), file) == piece.size() ? absl::OkStatus() : unwritable();
  };
  absl::StatusOr<HttpFetchResult> result = HttpFetch(url, HttpFetchOptions{}, write);
  if (std::fclose(file) != 0 && result.ok()) result = unwritable();
  RETURN_IF_ERROR(result.status());
  std::fprintf(stderr, "penstock: fetched %lld bytes from %s\n", static_cast<long long>(result->bytes),
               result->url.c_str());
  return absl::OkStatus();
}

bool IsHttp(const std::string& uri) {
  return absl::StartsWithIgnoreCase(uri, "http://") || absl::StartsWithIgnoreCase(uri, "https://");
}

// The content is complete when it is at its path: it is moved there.
absl::Status FetchTo(const std::string& uri, const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  const std::string part = path + ".part";
  std::filesystem::remove_all(part, error);
  RETURN_IF_ERROR(IsHttp(uri) ? Download(uri, part) : Copy(uri, part));
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

bool Exists(const std::string& path) {
  struct stat info = {};
  return !path.empty() && path.front() == '/' && stat(path.c_str(), &info) == 0;
}

// Why the command cannot begin; empty if it can.
std::string Bring(const FetchRequest::Input& input) {
  switch (input.need) {
    case FetchRequest::Need::kFetched: {
      if (!IsHttp(input.uri) && !Exists(input.uri)) {
        return MissingContent({input.need, input.name, input.uri, input.uri});
      }
      const absl::Status status = FetchTo(input.uri, input.path);
      return status.ok() ? ""
                         : absl::StrCat("The content of input '", input.name,
                                        "' is not to be had: ", status.message());
    }
    case FetchRequest::Need::kPresent:
      return Exists(input.path) ? "" : MissingContent(input);
    case FetchRequest::Need::kPresumed:
      if (!Exists(input.path)) Note(MissingContent(input));
      return "";
  }
  return "";
}

int Main(const std::vector<std::string>& arguments) {
  FetchRequest request;
  if (!ParseArguments(arguments, &request)) {
    std::fprintf(stderr, "penstock-fetch is started by penstock; it has no use by itself\n");
    return kUsageExit;
  }
  for (const FetchRequest::Input& input : request.inputs) {
    const std::string why = Bring(input);
    if (!why.empty()) return Fail(why);
  }
  return BecomeCommand(request.command);
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) { return penstock::Main(penstock::TakeArguments({argv + 1, argv + argc})); }
