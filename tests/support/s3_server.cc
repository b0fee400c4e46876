#include "tests/support/s3_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/substitute.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace penstock {
namespace {

constexpr char kVariable[] = "PENSTOCK_TEST_S3_SERVER";
constexpr char kAccessKey[] = "penstock";
constexpr char kSecretKey[] = "a-secret-of-tests";

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  bind(fd, reinterpret_cast<sockaddr*>(&address), size);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  close(fd);
  return ntohs(address.sin_port);
}

bool Listens(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const bool listens = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return listens;
}

void WriteText(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

std::string S3Server::Missing() {
  const char* program = std::getenv(kVariable);
  if (program != nullptr && access(program, X_OK) == 0) return "";
  return absl::StrCat("NOT TESTED: ", kVariable, " names no program; tests/run.sh builds one");
}

S3Server::S3Server() : port_(FreePort()) {
  char name[] = "/tmp/penstock-s3-XXXXXX";
  folder_ = mkdtemp(name);
  std::filesystem::create_directories(absl::StrCat(folder_, "/buckets"));
  std::vector<std::string> words = {std::getenv(kVariable), absl::StrCat("--port=127.0.0.1:", port_),
                                    "--quiet", "posix", absl::StrCat(folder_, "/buckets")};
  std::vector<std::string> variables = {absl::StrCat("ROOT_ACCESS_KEY=", kAccessKey),
                                        absl::StrCat("ROOT_SECRET_KEY=", kSecretKey)};
  std::vector<char*> argv;
  std::vector<char*> environment;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : variables) environment.push_back(variable.data());
  argv.push_back(nullptr);
  environment.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, absl::StrCat(folder_, "/log").c_str(),
                                   O_CREAT | O_WRONLY | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environment.data()) != 0) std::abort();
  posix_spawn_file_actions_destroy(&actions);
  const Clock& clock = RealClock::Instance();
  const absl::Time deadline = clock.Now() + absl::Seconds(60);
  while (!Listens(port_)) {
    if (clock.Now() > deadline) std::abort();
    Pause(absl::Milliseconds(5));
  }
}

S3Server::~S3Server() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  std::filesystem::remove_all(folder_);
}

void S3Server::MakeBucket(const std::string& name) {
  std::filesystem::create_directories(absl::StrCat(folder_, "/buckets/", name));
}

std::string S3Server::SettingsFile(const std::string& prefix) const {
  const std::string path = absl::StrCat(folder_, "/stores.yaml");
  WriteText(absl::StrCat(folder_, "/key"), kAccessKey);
  WriteText(absl::StrCat(folder_, "/secret"), kSecretKey);
  WriteText(path,
            absl::Substitute("stores:\n- prefix: $0\n  endpoint: http://127.0.0.1:$1\n  region: us-east-1\n"
                             "  path_style: true\n  credentials:\n    access_key_id_file: $2/key\n"
                             "    secret_access_key_file: $2/secret\n",
                             prefix, port_, folder_));
  return path;
}

}  // namespace penstock
