#include "tests/support/private_postgres.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <pqxx/connection>
#include <pqxx/nontransaction>

#include "absl/strings/str_cat.h"
#include "common/json.h"

namespace penstock {
namespace {

// The script with a pipe to its standard input, whose end tells it that this program is gone.
class ServerProcess {
 public:
  ServerProcess() {
    int to_script[2];
    int from_script[2];
    if (pipe(to_script) != 0 || pipe(from_script) != 0) return;
    const pid_t pid = fork();
    if (pid == 0) {
      dup2(to_script[0], 0);
      dup2(from_script[1], 1);
      for (const int fd : {to_script[0], to_script[1], from_script[0], from_script[1]}) close(fd);
      setsid();
      execlp("python3", "python3", PENSTOCK_PRIVATE_POSTGRES, nullptr);
      _exit(127);
    }
    close(to_script[0]);
    close(from_script[1]);
    keep_open_ = to_script[1];
    pid_ = pid;
    std::string line;
    for (char c; read(from_script[0], &c, 1) == 1 && c != '\n';) line.push_back(c);
    close(from_script[0]);
    if (const auto json = ParseJson(line); json.ok() && json->is_object()) url_ = json->value("url", "");
  }
  ~ServerProcess() {
    close(keep_open_);
    waitpid(pid_, nullptr, 0);
  }
  const std::string& url() const { return url_; }

 private:
  pid_t pid_ = -1;
  int keep_open_ = -1;
  std::string url_;
};

// Of the server itself: the database `postgres`.
const std::string& ServerUrl() {
  static const ServerProcess server;
  return server.url();
}

}  // namespace

bool PostgresIsWanted() {
  static const bool wanted =
      std::getenv("CI") != nullptr || std::system("python3 " PENSTOCK_PRIVATE_POSTGRES " --find") == 0;
  return wanted;
}

absl::StatusOr<std::string> RunPostgresStatement(absl::string_view url, absl::string_view statement) {
  try {
    pqxx::connection connection{std::string(url)};
    pqxx::nontransaction session(connection);
    const pqxx::result result = session.exec(std::string(statement));
    return result.empty() ? std::string() : std::string(result[0][0].c_str());
  } catch (const std::exception& e) {
    return absl::InternalError(e.what());
  }
}

absl::StatusOr<std::string> CreatePostgresDatabase() {
  static int count = 0;
  const std::string& server = ServerUrl();
  if (server.empty()) return absl::UnavailableError("the private PostgreSQL server did not start");
  const std::string name = absl::StrCat("test_", getpid(), "_", ++count);
  const auto created =
      RunPostgresStatement(server, absl::StrCat("CREATE DATABASE ", name, " TEMPLATE template0"));
  if (!created.ok()) return created.status();
  return absl::StrCat(absl::string_view(server).substr(0, server.rfind('/') + 1), name);
}

void DropPostgresDatabase(absl::string_view url) {
  (void)RunPostgresStatement(
      ServerUrl(), absl::StrCat("DROP DATABASE IF EXISTS ", url.substr(url.rfind('/') + 1), " WITH (FORCE)"));
}

}  // namespace penstock
