#include "executor/local/runner/warm_python.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "executor/local/runner/proc_files.h"
#include "executor/local/runner/warm_python_program.h"
#include "executor/posix/argument_file.h"
#include "executor/posix/process_clock.h"

namespace penstock {
namespace {

constexpr size_t kProcesses = 16;
constexpr size_t kEnvironments = 256;  // remembered
constexpr size_t kSpares = 2;          // that wait
// Less than the packets that a socket holds, by the kernel's default.
constexpr size_t kGivenAtOnce = 6;
constexpr int kRefusals = 3;  // in a row, of one process
constexpr int64_t kStartPatienceMs = 60'000;
constexpr int64_t kBeginPatienceMs = 5'000;
constexpr int64_t kSparesPatienceMs = 2 * kBeginPatienceMs;
constexpr int64_t kIdleMs = 10 * 60'000;
constexpr int64_t kShortLifeMs = 10'000;
constexpr int64_t kLookMs = 10'000;
constexpr int64_t kReportMs = 1'000;
constexpr int64_t kFirstPauseMs = 1'000;
constexpr int64_t kLongestPauseMs = 5 * 60'000;
// Forks of one process share the layout of their memory and the seed of their hashes: both are renewed.
constexpr int64_t kAttemptsOfOne = 1'000;
constexpr int64_t kAgeMs = 60 * 60'000;
// Of the machine's memory, in percent, that has to be left to start one, and for one to stay.
constexpr int kMemoryToStart = 10;
constexpr int kMemoryToStay = 5;
// So that the kernel's record of the environment has room for an attempt's.
constexpr size_t kEnvironBytes = size_t{32} << 10;
constexpr size_t kPacketBytes = size_t{256} << 10;

// Packages that take long to import and that may be imported before a fork, in the order of their import.
constexpr char kKnownHeavy[] = "numpy pyarrow scipy pandas sklearn";
// Where an attempt leaves the names of those that it has imported, in its work directory.
constexpr char kHeavyFile[] = ".penstock-imports";
constexpr size_t kAttemptsLookedAt = 8;
constexpr int kUsesToImport = 3;  // of these
constexpr int kUsesToKeep = 2;
constexpr int64_t kWorthMs = 20;

std::vector<std::string> Words(std::string_view text, char separator) {
  std::vector<std::string> words;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    if (end > begin) words.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return words;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

bool Contains(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The memory of a process, of what it shares with others its part.
int64_t BytesOf(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/smaps_rollup";
  return NumberBehind("\nPss:", ReadFileAt(AT_FDCWD, path, 4096)) * 1024;
}

// What a spare needs to become the attempt; see Request in warm_python.py.
UniqueFd RequestFile(const wire::StartRequest& request) {
  const std::vector<std::string>& command = request.warm.command;
  std::vector<std::string> fields = {request.id, request.work_dir, request.warm.lock,
                                     std::to_string(request.env.size()), std::to_string(command.size())};
  fields.insert(fields.end(), request.env.begin(), request.env.end());
  fields.insert(fields.end(), command.begin(), command.end());
  UniqueFd file(memfd_create("penstock-attempt", MFD_CLOEXEC));
  return file.valid() && WriteTexts(file.get(), fields) ? std::move(file) : UniqueFd();
}

bool Send(const UniqueFd& socket, std::string_view packet) {
  return send(socket.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

// Our end, and the other one.
bool MakeSockets(UniqueFd* ours, UniqueFd* theirs) {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  ours->Reset(ends[0]);
  theirs->Reset(ends[1]);
  return true;
}

}  // namespace

WarmPythons::WarmPythons(ChildStarter& starter, std::string report_path, Events events)
    : starter_(starter),
      report_path_(std::move(report_path)),
      events_(std::move(events)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      processors_(static_cast<size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)))) {
  WriteReport();
}

WarmPythons::~WarmPythons() {
  for (auto& [name, process] : processes_) {
    if (process->pid > 0) kill(process->pid, SIGKILL);
  }
  processes_.clear();
  WriteReport();
}

void WarmPythons::SetBudget(int64_t bytes) {
  budget_bytes_ = bytes;
  KeepBudget();
}

WarmPythons::Process* WarmPythons::Find(const std::string& key, State state) {
  for (auto& [name, process] : processes_) {
    if (process->key == key && process->state == state) return process.get();
  }
  return nullptr;
}

bool WarmPythons::Begin(const wire::StartRequest& request, size_t running, UniqueFd& log) {
  const std::string& key = request.warm.key;
  if (key.empty() || budget_bytes_ <= 0) return false;
  ReadChanges();
  if (environments_.size() >= kEnvironments && environments_.count(key) == 0) environments_.clear();
  environments_[key].start = request.warm;
  environments_[key].start.command = {};  // is the attempt's
  Process* const process = Find(key, State::kReady);
  if (process == nullptr) {
    StartFor(key);
    return false;
  }
  UniqueFd file = RequestFile(request);
  if (!file.valid()) return false;
  process->waiting.push_back({.id = request.id, .request = std::move(file), .log = std::move(log)});
  process->used_ms = MonotonicMillis();
  running_ = running;
  GiveNext(*process);
  ReportSoon();
  ++process->attempts;
  const bool is_old = process->used_ms - process->started_ms >= kAgeMs;
  if (is_old || process->attempts >= kAttemptsOfOne) StartFor(key);
  return true;
}

void WarmPythons::GiveNext(Process& process) {
  while (process.state == State::kReady && !process.waiting.empty() && process.given.size() < kGivenAtOnce) {
    Given next = std::move(process.waiting.front());
    process.waiting.pop_front();
    next.at_ms = MonotonicMillis();
    const std::string numbers = std::to_string(next.request.get()) + " " + std::to_string(next.log.get());
    // What cannot be sent is given back when its time is over.
    Send(process.spares, numbers);
    process.given.emplace(numbers, std::move(next));
    MakeSpares(process, 1);
  }
}

// While a processor is free, spares give themselves the memory that they are going to write to.
void WarmPythons::MakeSpares(Process& process, size_t count) {
  process.spares_due += count;
  const std::string_view kind = running_ + process.given.size() < processors_ ? "s" : "n";
  while (process.spares_due > 0 && Send(process.commands, kind)) --process.spares_due;
}

void WarmPythons::StartFor(const std::string& key) {
  Environment& environment = environments_[key];
  if (Find(key, State::kStarting) != nullptr || MonotonicMillis() < environment.not_before_ms ||
      processes_.size() >= kProcesses || MemoryLeftPercent() < kMemoryToStart) {
    return;
  }
  const wire::WarmStart& start = environment.start;
  auto process = std::make_unique<Process>();
  process->name = std::to_string(next_name_++);
  process->key = key;
  process->heavy = WorthImporting(environment, Find(key, State::kReady));
  process->started_ms = process->used_ms = MonotonicMillis();
  process->started_at_us = WallMicros();
  UniqueFd commands, spares;
  int output[2] = {-1, -1};
  if (!MakeSockets(&process->commands, &commands) || !MakeSockets(&process->spares, &spares) ||
      pipe2(output, O_CLOEXEC) != 0) {
    return;
  }
  process->output.Reset(output[0]);
  const UniqueFd output_end(output[1]);
  fcntl(output[0], F_SETFL, O_NONBLOCK);
  wire::StartRequest child;
  child.argv = {"python3",
                "-c",
                kWarmPythonProgram,
                "penstock-warm",
                start.module,
                kKnownHeavy,
                Joined(process->heavy),
                kHeavyFile,
                std::to_string(process->started_at_us)};
  child.env = start.env;
  child.env.push_back("PENSTOCK_WARM_ROOM=" + std::string(kEnvironBytes, '-'));
  child.work_dir = start.home;
  process->pid = starter_.Start(child, start.python, output_end.get(), processes_.size(),
                                {commands.get(), spares.get()});
  if (process->pid < 0) return;
  for (const int fd : {process->spares.get(), process->output.get()}) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    by_fd_[fd] = process->name;
  }
  ReportSoon();
  std::string name = process->name;
  processes_.emplace(std::move(name), std::move(process));
}

// Those that the last attempts have imported again and again, and those that were asked for.
std::vector<std::string> WarmPythons::WorthImporting(const Environment& environment,
                                                     const Process* now) const {
  std::vector<std::string> heavy;
  for (const std::string& package : Words(kKnownHeavy, ' ')) {
    const auto uses = std::count_if(environment.heavy.begin(), environment.heavy.end(),
                                    [&](const auto& packages) { return Contains(packages, package); });
    const bool is_imported = now != nullptr && Contains(now->heavy, package);
    if (uses >= (is_imported ? kUsesToKeep : kUsesToImport)) heavy.push_back(package);
  }
  for (const std::string& package : environment.start.imports) {
    if (!Contains(heavy, package)) heavy.push_back(package);
  }
  std::erase_if(heavy, [&](const std::string& package) { return Contains(environment.useless, package); });
  return heavy;
}

void WarmPythons::Ended(const wire::StartRequest& request) {
  const auto it = environments_.find(request.warm.key);
  const Process* const process = Find(request.warm.key, State::kReady);
  if (it == environments_.end() || process == nullptr) return;
  const std::string notes = request.work_dir + "/" + kHeavyFile;
  const std::vector<std::string> heavy = Words(ReadFileAt(AT_FDCWD, notes, 4096), ' ');
  Environment& environment = it->second;
  environment.heavy.push_back(heavy);
  if (environment.heavy.size() > kAttemptsLookedAt) environment.heavy.pop_front();
  // Given up only when enough attempts have been looked at: the first ones may be of another kind.
  const bool enough = environment.heavy.size() == kAttemptsLookedAt || !heavy.empty();
  if (enough && WorthImporting(environment, process) != process->heavy) StartFor(request.warm.key);
}

// --- What the processes say ---

void WarmPythons::Handle() {
  epoll_event events[2 * kProcesses];  // all that there can be: nothing that was said before the call is left
  const int count = epoll_wait(epoll_.get(), events, 2 * kProcesses, 0);
  for (int i = 0; i < count; ++i) {
    const auto name = by_fd_.find(events[i].data.fd);
    if (name == by_fd_.end()) continue;
    Process& process = *processes_.at(name->second);
    if (events[i].data.fd == process.output.get()) {
      ReadOutput(process);
    } else {
      ReadSpares(process);
    }
  }
}

void WarmPythons::ReadSpares(Process& process) {
  static char packet[kPacketBytes];
  while (true) {
    const ssize_t n = recv(process.spares.get(), packet, sizeof(packet), MSG_DONTWAIT);
    // It is reset if the other ends were closed before they had read all. That is told before what they said last.
    if (n < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return Drop(process.name);
    HandlePacket(process, std::string_view(packet, n));
  }
}

void WarmPythons::HandlePacket(Process& process, std::string_view packet) {
  const std::string_view fields = packet.substr(std::min<size_t>(packet.size(), 2));
  switch (packet[0]) {
    case 'W':
      return WatchFolders(process, fields);
    case 'R':
      return HandleReady(process, fields);
    case 'H':
      return HandleUseless(process, fields);
    case 'U':
      return Failed(process, std::string(fields));
    case 'P':
      process.idle_spares.insert(std::atoi(std::string(fields).c_str()));
      return MakeSpares(process, 0);
    case 'S':
      return HandleBegun(process, fields);
    case 'F':
      return HandleRefused(process, fields);
    default:
      return Failed(process, "it said what makes no sense");
  }
}

void WarmPythons::WatchFolders(Process& process, std::string_view folders) {
  if (process.state != State::kStarting) return;
  if (!watch_.Add(process.name, Words(folders, '\n'))) {
    return Failed(process, std::string("its folders cannot be watched: ") + std::strerror(errno));
  }
  Send(process.commands, "c");
}

void WarmPythons::HandleReady(Process& process, std::string_view packages) {
  if (process.state != State::kStarting) return;
  Environment& environment = environments_[process.key];
  for (const std::string& timed : Words(packages, ' ')) {
    const size_t colon = timed.find(':');
    const std::string package = timed.substr(0, colon);
    process.imported += (process.imported.empty() ? "" : " ") + package;
    const bool asked_for = Contains(environment.start.imports, package);
    if (std::atoi(timed.c_str() + colon + 1) < kWorthMs && !asked_for) environment.useless.push_back(package);
  }
  if (Process* const before = Find(process.key, State::kReady)) {
    process.waiting = std::move(before->waiting);
    End(*before, "another takes its place");
  }
  process.state = State::kReady;
  process.used_ms = MonotonicMillis();
  process.bytes = BytesOf(process.pid);
  MakeSpares(process, kSpares);
  GiveNext(process);
  KeepBudget();
  ReportSoon();
}

// Another one is started without them.
void WarmPythons::HandleUseless(Process& process, std::string_view packages) {
  if (process.state != State::kStarting) return;
  for (std::string& package : Words(packages, ' ')) {
    environments_[process.key].useless.push_back(std::move(package));
  }
  End(process, "it cannot import beforehand " + std::string(packages));
  StartFor(process.key);
}

// ID PID GROUP
void WarmPythons::HandleBegun(Process& process, std::string_view fields) {
  const std::vector<std::string> words = Words(fields, ' ');
  if (words.size() != 3) return Failed(process, "it said what makes no sense");
  process.idle_spares.erase(std::atoi(words[1].c_str()));
  const auto given = std::find_if(process.given.begin(), process.given.end(),
                                  [&](const auto& entry) { return entry.second.id == words[0]; });
  if (given == process.given.end()) return;
  process.given.erase(given);
  environments_[process.key].failures = 0;
  GiveNext(process);
  events_.begun(words[0], std::atoi(words[1].c_str()), std::atoi(words[2].c_str()));
}

// REQUEST LOG why
void WarmPythons::HandleRefused(Process& process, std::string_view fields) {
  const size_t first = fields.find(' ');
  const size_t second = first == std::string_view::npos ? first : fields.find(' ', first + 1);
  const auto given = process.given.find(std::string(fields.substr(0, second)));
  if (given == process.given.end()) return;
  const std::string id = given->second.id;
  events_.log("attempt " + id + " starts as a fresh process: " + std::string(fields.substr(second + 1)));
  process.given.erase(given);
  GiveNext(process);
  if (++environments_[process.key].failures >= kRefusals) Failed(process, "its spares take no attempts");
  events_.given_back(id);
}

void WarmPythons::ReadOutput(Process& process) {
  char chunk[4096];
  const ssize_t n = read(process.output.get(), chunk, sizeof(chunk));
  if (n > 0) {
    events_.log("warm Python " + std::to_string(process.pid) + ": " + std::string(chunk, n));
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, process.output.get(), nullptr);
    by_fd_.erase(process.output.get());
    process.output.Reset();
  }
}

void WarmPythons::ReadChanges() {
  for (const auto& [name, path] : watch_.Read()) {
    const auto it = processes_.find(name);
    if (it == processes_.end() || it->second->state == State::kEnding) continue;
    const std::string why = path + " was changed";
    // One that is changed again and again is not worth a process.
    if (MonotonicMillis() - it->second->started_ms < kShortLifeMs) {
      Failed(*it->second, why);
    } else {
      End(*it->second, why);
    }
  }
}

// --- Their ends ---

void WarmPythons::Reaped(pid_t pid) {
  for (auto& [name, process] : processes_) process->idle_spares.erase(pid);
  for (auto& [name, process] : processes_) {
    if (process->pid != pid || process->is_reaped) continue;
    process->is_reaped = true;
    if (process->state == State::kEnding) return;
    const std::optional<std::string> why =
        starter_.TakeFailure(pid, environments_[process->key].start.python);
    return Failed(*process, why.value_or("it ended"));
  }
}

int64_t WarmPythons::SparesDueMs(const Process& process) {
  int64_t due = INT64_MAX;
  for (const auto& [numbers, given] : process.given) due = std::min(due, given.at_ms + kSparesPatienceMs);
  return process.idle_spares.empty() && process.is_cut ? INT64_MAX : due;
}

// A spare that was stopped before it said that it is there is not known by its id, and would hold its socket open for ever.
// Once nobody can say anything more none can begin: before an attempt runs a spare has to say so. What was said before is
// still read, and then the end.
void WarmPythons::KillSpares(Process& process) {
  for (const pid_t pid : std::exchange(process.idle_spares, {})) kill(pid, SIGKILL);
  if (process.state != State::kEnding || process.is_cut) return;
  process.is_cut = true;
  shutdown(process.spares.get(), SHUT_RD);
}

void WarmPythons::End(Process& process, const std::string& why) {
  if (process.state == State::kEnding) return;
  events_.log("warm Python " + std::to_string(process.pid) + " ends: " + why);
  process.state = State::kEnding;
  if (!process.is_reaped) kill(process.pid, SIGKILL);
  process.commands.Reset();
  // Spares read what was given to them, and then the end.
  shutdown(process.spares.get(), SHUT_WR);
  watch_.Remove(process.name);
  ReportSoon();
}

void WarmPythons::Failed(Process& process, const std::string& why) {
  Environment& environment = environments_[process.key];
  const int64_t pause_ms = std::min(kFirstPauseMs << std::min(environment.failures++, 10), kLongestPauseMs);
  environment.not_before_ms = MonotonicMillis() + pause_ms;
  End(process, why);
}

// Nobody has the other end of its socket any more.
void WarmPythons::Drop(const std::string& name) {
  const auto it = processes_.find(name);
  if (it->second->state != State::kEnding) Failed(*it->second, "it ended");
  const std::unique_ptr<Process> process = std::move(it->second);
  processes_.erase(it);
  for (const UniqueFd* fd : {&process->spares, &process->output}) {
    if (!fd->valid()) continue;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd->get(), nullptr);
    by_fd_.erase(fd->get());
  }
  for (const auto& [numbers, given] : process->given) events_.given_back(given.id);
  for (const Given& given : process->waiting) events_.given_back(given.id);
}

void WarmPythons::KeepBudget() {
  const bool short_of_memory = !processes_.empty() && MemoryLeftPercent() < kMemoryToStay;
  while (true) {
    int64_t bytes = 0;
    Process* least_used = nullptr;
    for (auto& [name, process] : processes_) {
      if (process->state == State::kEnding) continue;
      bytes += process->bytes;
      if (least_used == nullptr || process->used_ms < least_used->used_ms) least_used = process.get();
    }
    if (least_used == nullptr || (bytes <= budget_bytes_ && budget_bytes_ > 0 && !short_of_memory)) break;
    Failed(*least_used,
           short_of_memory ? "the machine is short of memory" : "the budget of memory is used up");
  }
}

int64_t WarmPythons::NextDeadlineMs() const {
  int64_t until = report_due_ms_;
  for (const auto& [name, process] : processes_) {
    until = std::min(until, SparesDueMs(*process));
    if (process->state == State::kEnding) continue;
    until = std::min(until, next_look_ms_);
    until = std::min(until, process->used_ms + kIdleMs);
    if (process->state == State::kStarting) until = std::min(until, process->started_ms + kStartPatienceMs);
    for (const auto& [numbers, given] : process->given) {
      until = std::min(until, given.at_ms + kBeginPatienceMs);
    }
  }
  return until;
}

void WarmPythons::FireDeadlines() {
  const int64_t now_ms = MonotonicMillis();
  if (now_ms < NextDeadlineMs()) return;
  Handle();  // what has come just in time
  if (now_ms >= next_look_ms_) {
    next_look_ms_ = now_ms + kLookMs;
    ReadChanges();
    KeepBudget();
  }
  for (auto& [name, process] : processes_) {
    const bool waits = std::any_of(process->given.begin(), process->given.end(), [&](const auto& entry) {
      return now_ms - entry.second.at_ms >= kBeginPatienceMs;
    });
    if (now_ms >= SparesDueMs(*process)) KillSpares(*process);
    if (process->state == State::kEnding) continue;
    if (waits) {
      Failed(*process, "its spares do not take an attempt");
    } else if (process->state == State::kStarting && now_ms - process->started_ms >= kStartPatienceMs) {
      Failed(*process, "it does not get ready");
    } else if (now_ms - process->used_ms >= kIdleMs) {
      End(*process, "nobody used it");
    }
  }
  if (now_ms >= report_due_ms_) WriteReport();
}

void WarmPythons::ReportSoon() { report_due_ms_ = std::min(report_due_ms_, MonotonicMillis() + kReportMs); }

// A line a process, the fields between tabs; see WarmRow in env_commands.cc.
void WarmPythons::WriteReport() {
  report_due_ms_ = INT64_MAX;
  if (processes_.empty()) {
    unlink(report_path_.c_str());
    return;
  }
  const std::string path = report_path_ + ".new";
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return;
  for (const auto& [name, process] : processes_) {
    if (process->state == State::kEnding) continue;
    std::fprintf(file, "%d\t%s\t%lld\t%lld\t%lld\t%s\t%s\n", process->pid,
                 process->state == State::kReady ? "ready" : "starting",
                 static_cast<long long>(process->bytes), static_cast<long long>(process->attempts),
                 static_cast<long long>(process->started_at_us), process->imported.c_str(),
                 environments_[process->key].start.words.c_str());
  }
  if (std::fclose(file) == 0) std::rename(path.c_str(), report_path_.c_str());
}

}  // namespace penstock
