#include "executor/python/env_build.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "common/redacted.h"
#include "executor/posix/process_clock.h"
#include "executor/python/env_store.h"

namespace penstock {
namespace {

constexpr size_t kNamedBytes = 1000;  // of requirements or packages in one line of the log
constexpr size_t kKeptOutputBytes = size_t{64} << 10;
constexpr size_t kLastLines = 5;
constexpr int kCannotRunExit = 127;

void Say(const std::string& text) { std::fprintf(stderr, "penstock: %s\n", text.c_str()); }

std::string NameOf(const EnvRequest& request) {
  return request.key.substr(0, 12) + " (" + Summary(request.requirements, kNamedBytes) + ")";
}

// The environment of what works on the virtual environment `venv`: not the task's own, which would let the task
// change what others get. Only by its mark is it found with the task, and its temporary files are the task's.
void SetEnvironment(const std::string& venv, const std::vector<std::string>& variables) {
  std::vector<std::string> kept;
  for (const char* name : {"PENSTOCK_ATTEMPT_ID", "TMPDIR"}) {
    if (const char* value = getenv(name)) kept.push_back(std::string(name) + "=" + value);
  }
  clearenv();
  kept.insert(kept.begin(), variables.begin(), variables.end());
  for (const std::string& variable : kept) {
    const size_t equals = variable.find('=');
    setenv(variable.substr(0, equals).c_str(), variable.substr(equals + 1).c_str(), 1);
  }
  for (const char* name : {"PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE"}) unsetenv(name);
  setenv("VIRTUAL_ENV", venv.c_str(), 1);
  setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1", 1);
  const char* search_path = getenv("PATH");
  setenv("PATH", (venv + "/bin:" + (search_path != nullptr ? search_path : "/usr/bin:/bin")).c_str(), 1);
}

// Options of pip whose value is a URL.
bool TakesUrl(const std::string& option) {
  return option == "-i" || option == "-f" || option == "--index-url" || option == "--extra-index-url" ||
         option == "--find-links";
}

// Moves what holds passwords from pip's arguments to the text of a file that pip reads.
std::string TakePasswords(std::vector<std::string>* words) {
  std::string lines;
  std::vector<std::string> rest;
  for (size_t i = 0; i < words->size(); ++i) {
    const std::string& word = (*words)[i];
    if (TakesUrl(word) && i + 1 < words->size() && HasPassword((*words)[i + 1])) {
      lines += word + " " + (*words)[++i] + "\n";
    } else if (HasPassword(word)) {
      lines += word + "\n";
    } else {
      rest.push_back(word);
    }
  }
  *words = std::move(rest);
  return lines;
}

// Becomes the program in a forked child.
[[noreturn]] void Become(const std::string& venv, const std::vector<std::string>& variables,
                         const std::vector<std::string>& argv, int out_fd, bool errors_too) {
  SetEnvironment(venv, variables);
  dup2(out_fd, STDOUT_FILENO);
  if (errors_too) dup2(out_fd, STDERR_FILENO);
  std::vector<char*> pointers;
  for (const std::string& word : argv) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  execv(pointers[0], pointers.data());
  std::fprintf(stderr, "%s: %s\n", pointers[0], std::strerror(errno));
  _exit(kCannotRunExit);
}

// To the log, and its end to `output`: pip shows the URLs that it was given.
void HandOn(std::string_view text, std::string* output) {
  const std::string shown = WithoutPasswords(std::string(text));
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, shown.data(), shown.size());
  output->append(shown);
  if (output->size() > 2 * kKeptOutputBytes) output->erase(0, output->size() - kKeptOutputBytes);
}

// Hands on what there is to read, by whole lines; the rest waits in `line`. False at the end.
bool Tee(int fd, std::string* line, std::string* output) {
  char buffer[4096];
  const ssize_t n = read(fd, buffer, sizeof(buffer));
  if (n <= 0) return n < 0 && errno == EINTR;
  line->append(buffer, static_cast<size_t>(n));
  const size_t last = line->rfind('\n');
  if (last == std::string::npos && line->size() < kKeptOutputBytes) return true;
  const size_t whole = last == std::string::npos ? line->size() : last + 1;
  HandOn(line->substr(0, whole), output);
  line->erase(0, whole);
  return true;
}

// Runs a program with its output in the log, and returns how it ended (as waitpid), -1 if it could not be
// made. What outlives it and holds its output is not waited for.
int RunTeed(const std::string& venv, const std::vector<std::string>& variables,
            const std::vector<std::string>& argv, std::string* output) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = fork();
  if (pid == 0) Become(venv, variables, argv, write_end.get(), /*errors_too=*/true);
  write_end.Reset();
  if (pid < 0) return -1;
  std::string line;
  // Without it, on an old kernel, the end of the pipe is what is waited for.
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  pollfd waiting[2] = {{.fd = read_end.get(), .events = POLLIN}, {.fd = process.get(), .events = POLLIN}};
  while (waiting[1].revents == 0 || waiting[0].revents != 0) {
    // Once the process has ended: what is in the pipe, and no more.
    if (poll(waiting, 2, waiting[1].revents != 0 ? 0 : -1) < 0 && errno != EINTR) break;
    if (waiting[0].revents != 0 && !Tee(read_end.get(), &line, output)) break;
  }
  HandOn(line, output);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string HowItEnded(int status) {
  if (status == -1) return std::string("no process could be made: ") + std::strerror(errno);
  return WIFSIGNALED(status) ? "it was ended by signal " + std::to_string(WTERMSIG(status))
                             : "it exited with code " + std::to_string(WEXITSTATUS(status));
}

// One build, with the lock held alone.
class Builder {
 public:
  Builder(const EnvRequest& request, const EnvStore& store, std::string path)
      : request_(request), store_(store), path_(std::move(path)), python_(path_ + "/bin/python3") {}

  bool Build(std::string* error) {
    const int64_t begun_ms = MonotonicMillis();
    Say("building the Python environment " + NameOf(request_));
    if (!RemoveAll(path_)) {
      *error = "cannot remove the rest of an earlier build, " + path_;
      return false;
    }
    if (!Fill(error) || !Freeze(error)) return false;
    EnvRecord record;
    record.built_at_us = WallMicros();
    record.build_ms = MonotonicMillis() - begun_ms;
    record.requirements = request_.requirements;
    return store_.Complete(request_.key, std::move(record), error);
  }

  // The packages, without what makes it one for all.
  bool Fill(std::string* error) {
    return MakeVenv(request_.base, /*below=*/"", path_, error) && Install(error);
  }

 private:
  bool Install(std::string* error) {
    if (!request_.base.has_pip && !Run({python_, "-m", "ensurepip"}, "ensurepip", error)) return false;
    if (!request_.constraints.empty() && !WriteConstraints(error)) return false;
    return std::all_of(request_.installs.begin(), request_.installs.end(), [&](const auto& install) {
      std::vector<std::string> argv = {python_,          "-m",         "pip",
                                       "install",        "--no-input", "--no-warn-script-location",
                                       "--progress-bar", "off"};
      // Not by a variable, which would bind what builds a package too.
      if (!request_.constraints.empty()) argv.insert(argv.end(), {"--constraint", ConstraintsPath()});
      std::vector<std::string> words = install;
      const std::string secret = TakePasswords(&words);
      argv.insert(argv.end(), words.begin(), words.end());
      if (secret.empty()) return Run(argv, "pip", error);
      return RunWithSecret(std::move(argv), secret, error);
    });
  }

  // In the environment itself, where it stays as long as that.
  std::string ConstraintsPath() const { return path_ + "/constraints.txt"; }

  bool WriteConstraints(std::string* error) const {
    std::ofstream file(ConstraintsPath(), std::ios::trunc);
    for (const std::string& line : request_.constraints) file << line << "\n";
    file.close();
    if (!file) *error = "cannot write " + ConstraintsPath() + ": " + std::strerror(errno);
    return static_cast<bool>(file);
  }

  // The arguments of a process are for all to see; a file is not.
  bool RunWithSecret(std::vector<std::string> argv, const std::string& secret, std::string* error) const {
    const std::string path = path_ + "/secret-requirements.txt";
    const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.valid() ||
        write(file.get(), secret.data(), secret.size()) != static_cast<ssize_t>(secret.size())) {
      *error = "cannot write " + path + ": " + std::strerror(errno);
      return false;
    }
    argv.insert(argv.end(), {"-r", path});
    const bool done = Run(argv, "pip", error);
    unlink(path.c_str());
    return done;
  }

  bool Run(const std::vector<std::string>& argv, const std::string& name, std::string* error) const {
    std::string output;
    const int status = RunTeed(path_, request_.variables, argv, &output);
    if (status == 0) return true;
    const std::string words = LastWords(output);
    *error = words.empty() ? name + " failed: " + HowItEnded(status) : name + " said: " + words;
    return false;
  }

  // Writes which versions pip chose.
  bool Freeze(std::string* error) const {
    const std::string list = store_.PackagesPathOf(request_.key);
    const UniqueFd file(open(list.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const pid_t pid = file.valid() ? fork() : -1;
    if (pid == 0) {
      Become(path_, request_.variables,
             {python_, "-m", "pip", "freeze", "--all", "--path", SitePackagesOf(request_.base, path_)},
             file.get(), /*errors_too=*/false);
    }
    int status = pid < 0 ? -1 : 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) *error = "pip freeze, whose list goes to " + list + ", failed: " + HowItEnded(status);
    return status == 0;
  }

  const EnvRequest& request_;
  const EnvStore& store_;
  const std::string path_;
  const std::string python_;
};

// Lets those who wait for this build know. What cannot be written makes them try themselves.
void LeaveFailure(const EnvStore& store, const std::string& key, const std::string& error) {
  std::ofstream(store.FailurePathOf(key), std::ios::trunc) << error;
}

// A failure that came after `begun_us`.
bool TakeFailure(const EnvStore& store, const std::string& key, int64_t begun_us, std::string* error) {
  const std::string path = store.FailurePathOf(key);
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0 ||
      int64_t{info.st_mtim.tv_sec} * 1'000'000 + info.st_mtim.tv_nsec / 1000 < begun_us) {
    return false;
  }
  std::ifstream file(path);
  error->assign(std::istreambuf_iterator<char>(file), {});
  return !error->empty();
}

// Takes the lock in this way. Says so when it has to wait for a build, and notes it in `waited`.
bool Take(const EnvRequest& request, const EnvStore& store, const UniqueFd& lock, int operation,
          bool* waited) {
  if (LockFile(lock, operation | LOCK_NB)) return true;
  if (errno != EWOULDBLOCK) return false;
  if (!store.IsComplete(request.key)) {
    if (!*waited) {
      Say("waiting for the Python environment " + NameOf(request) + ", which another task builds");
    }
    *waited = true;
  }
  return LockFile(lock, operation);
}

// With the lock held alone.
bool BuildHere(const EnvRequest& request, const EnvStore& store, std::string* error) {
  if (!Builder(request, store, store.PathOf(request.key)).Build(error)) {
    RemoveAll(store.PathOf(request.key));
    LeaveFailure(store, request.key, *error);
    return false;
  }
  unlink(store.FailurePathOf(request.key).c_str());
  return true;
}

}  // namespace

std::string UseLine(const EnvRequest& request, const EnvRecord& record, bool was_built) {
  return "penstock: Python environment " + NameOf(request) +
         (was_built ? ", built in " + std::to_string(record.build_ms) + " ms" : "") + ": " +
         (record.packages.empty() ? "all of it is in the base" : Summary(record.packages, kNamedBytes)) +
         "\n";
}

UniqueFd EnterEnv(const EnvRequest& request, std::string* error) {
  const EnvStore store(request.envs_dir);
  const int64_t begun_us = WallMicros();
  bool waited = false;
  bool built = false;
  // Whoever finds it complete under the shared lock is done. Else it takes the lock alone and looks again:
  // while it waited, somebody may have built the environment, or removed it with its lock. After a build it
  // begins anew, as whoever comes second does.
  while (true) {
    UniqueFd lock = store.OpenLock(request.key);
    if (!lock.valid() || !Take(request, store, lock, LOCK_SH, &waited)) {
      *error = "cannot lock its file in " + request.envs_dir + ": " + std::strerror(errno);
      return UniqueFd();
    }
    if (!store.IsCurrent(lock, request.key)) continue;
    if (store.IsComplete(request.key)) {
      // The time of last use, by which PruneTo chooses.
      futimens(lock.get(), nullptr);
      EnvRecord record;
      store.ReadRecord(request.key, &record);
      std::fputs(UseLine(request, record, built).c_str(), stderr);
      if (built) store.PruneTo(request.limit_bytes);
      return lock;
    }
    if (waited && TakeFailure(store, request.key, begun_us, error)) return UniqueFd();
    if (!Take(request, store, lock, LOCK_EX, &waited)) {
      *error = "cannot lock its file in " + request.envs_dir + ": " + std::strerror(errno);
      return UniqueFd();
    }
    if (store.IsCurrent(lock, request.key) && !store.IsComplete(request.key)) {
      if (waited && TakeFailure(store, request.key, begun_us, error)) return UniqueFd();
      if (!BuildHere(request, store, error)) return UniqueFd();
      built = true;
    }
    // From here on others may have it: a lock cannot be made shared in one step. So look again.
  }
}

bool InstallForThisAttempt(const EnvRequest& request, std::string* error) {
  const EnvStore store(request.envs_dir);
  Say("installing " + Summary(request.requirements, kNamedBytes));
  return Builder(request, store, request.overlay).Fill(error);
}

std::string LastWords(const std::string& output) {
  std::deque<std::string> errors;
  std::deque<std::string> last;
  for (size_t begin = 0; begin < output.size();) {
    const size_t end = std::min(output.find('\n', begin), output.size());
    std::string line = output.substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line.rfind("[notice]", 0) == 0) continue;
    for (std::deque<std::string>* lines : {&errors, &last}) {
      if (lines == &last || line.rfind("ERROR:", 0) == 0) lines->push_back(line);
      if (lines->size() > kLastLines) lines->pop_front();
    }
  }
  // An error of pip itself is followed by a trace, whose end says more.
  if (!errors.empty() && errors.back() != last.back()) errors.push_back(last.back());
  std::string words;
  for (const std::string& line : errors.empty() ? last : errors) words += (words.empty() ? "" : " ") + line;
  const size_t limit = static_cast<size_t>(limits::kEnvLastWordsBytes);
  return words.size() <= limit ? words : words.substr(words.size() - limit);
}

}  // namespace penstock
