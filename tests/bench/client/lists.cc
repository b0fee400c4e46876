// Pages of ListRuns of a large and of a small store, over gRPC and over REST, while runs are created.
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"
#include "tests/bench/client/empty_call.h"
#include "tests/bench/client/list_calls.h"
#include "tests/bench/client/rest.h"

namespace penstock::bench {
namespace {

constexpr int kReaders = 8;
constexpr int kRequestsPerSecond = 200;
constexpr auto kBetweenRequests = std::chrono::microseconds(1'000'000) / kRequestsPerSecond;
constexpr int kCreatesPerSecond = 50;
constexpr double kRoundSeconds = 5;
constexpr auto kHeadStart = std::chrono::milliseconds(500);  // in which connections are made and used once
constexpr int kSubstringCalls = 40;

using SamplesByName = std::map<std::string, Samples>;

// What the threads of a load found; each adds its own at its end.
class Gathered {
 public:
  void Add(const SamplesByName& some) {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, samples] : some) samples_[name].Add(samples);
  }
  // Each name, and each of its beginnings that ends before a dot: {"all_by_time.first": {...}, ...}.
  Json Summary() const {
    SamplesByName all;
    for (const auto& [name, samples] : samples_) {
      all[name].Add(samples);
      if (const size_t dot = name.find('.'); dot != std::string::npos) all[name.substr(0, dot)].Add(samples);
    }
    Json result = Json::object();
    for (const auto& [name, samples] : all) result[name] = samples.Summary();
    return result;
  }

 private:
  std::mutex mutex_;
  SamplesByName samples_;
};

void ListOverRest(RestConnection& connection, const api::ListRunsRequest& request) {
  connection.Call("?page_size=" + std::to_string(request.page_size()) + "&sort_by=" +
                  connection.Escaped(request.sort_by()) + "&filter=" + connection.Escaped(request.filter()) +
                  "&experiment_id=" + connection.Escaped(request.experiment_id()) +
                  "&page_token=" + connection.Escaped(request.page_token()));
}

// One server: what is asked of it, and what is found.
class Side {
 public:
  Side(const ListedServer& server, bool all_pages)
      : server_(server),
        runs_(api::RunService::NewStub(Connect(server.target))),
        calls_(all_pages ? FindListCalls(*runs_, server.experiment_id) : FirstPages(server.experiment_id)) {}
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  // kRequestsPerSecond pages over gRPC or REST, while runs are created, and an empty call over gRPC after all
  // of them. A page's time begins when it is due, so that a call that is late because of another one counts
  // as late.
  void Paced(bool over_rest, Gathered& gathered) {
    const auto begun = SteadyClock::now() + kHeadStart;
    WhileWriting([&](int reader) {
      const Lister list(*this, over_rest);
      EmptyCall empty(Connect(server_.target));
      list(CallNumber(reader).request);
      empty();
      SamplesByName samples;
      for (int i = reader; i < kRoundSeconds * kRequestsPerSecond; i += kReaders) {
        const auto due = begun + kBetweenRequests * i;
        std::this_thread::sleep_until(due);
        const size_t number = static_cast<size_t>(i) % (calls_.size() + 1);
        if (number == calls_.size()) {
          empty();
          samples["empty"].Add(1e3 * SecondsSince(due));
          continue;
        }
        list(calls_[number].request);
        samples[calls_[number].list + "." + calls_[number].page].Add(1e3 * SecondsSince(due));
      }
      gathered.Add(samples);
    });
  }

  // Each reader as fast as it can, a page and an empty call in turn, while runs are created.
  void Full(Gathered& gathered) {
    const auto begun = SteadyClock::now() + kHeadStart;
    WhileWriting([&](int reader) {
      const auto channel = Connect(server_.target);
      const auto runs = api::RunService::NewStub(channel);
      EmptyCall empty(channel);
      (void)ListRuns(*runs, CallNumber(reader).request);
      std::this_thread::sleep_until(begun);
      SamplesByName samples;
      for (int i = reader; SecondsSince(begun) < kRoundSeconds; i += kReaders) {
        const ListCall& call = CallNumber(i);
        const auto called = SteadyClock::now();
        (void)ListRuns(*runs, call.request);
        samples[call.list + "." + call.page].Add(1e3 * SecondsSince(called));
        const auto again = SteadyClock::now();
        empty();
        samples["empty"].Add(1e3 * SecondsSince(again));
      }
      gathered.Add(samples);
    });
  }

  // First pages of names with a text in them that many, few and no names have. A page that would look at too
  // much is refused, which counts as an answer if it names the bound.
  Json Substrings() const {
    Json result = Json::object();
    for (const auto& [name, text] : {std::pair("many", "run"), std::pair("few", "99999"),
                                     std::pair("none", "nobody calls a run like this")}) {
      api::ListRunsRequest request;
      request.set_filter(FilterOf("name", "IS_SUBSTRING", text));
      request.set_sort_by("created_at desc");
      Samples samples;
      std::string said;
      for (int i = 0; i < kSubstringCalls; ++i) {
        grpc::ClientContext context;
        api::ListRunsResponse page;
        const auto called = SteadyClock::now();
        const grpc::Status status = runs_->ListRuns(&context, request, &page);
        samples.Add(1e3 * SecondsSince(called));
        said = status.error_message();
        if (!status.ok() && said.find("kListRowsRead") == std::string::npos) Fail(said);
      }
      result[name] = {{"ms", samples.Summary()}, {"refused", !said.empty()}};
    }
    return result;
  }

  // CreateRun by `callers`, while kRequestsPerSecond pages are read.
  double CreateRate(int callers, double seconds) {
    std::atomic<bool> stop = false;
    const auto begun = SteadyClock::now();
    std::thread reading([&] {
      OnReaders([&](int reader) {
        const Lister list(*this, /*over_rest=*/false);
        for (int i = reader; !stop; i += kReaders) {
          std::this_thread::sleep_until(begun + kBetweenRequests * i);
          list(CallNumber(i).request);
        }
      });
    });
    const Json created = Create(server_.target, server_.version_id, callers, seconds);
    stop = true;
    reading.join();
    return created["per_second"];
  }

 private:
  // A connection of one thread.
  class Lister {
   public:
    Lister(const Side& side, bool over_rest) {
      if (over_rest) {
        rest_ = std::make_unique<RestConnection>(side.server_.http_address);
      } else {
        grpc_ = api::RunService::NewStub(Connect(side.server_.target));
      }
    }
    void operator()(const api::ListRunsRequest& request) const {
      if (rest_ != nullptr) return ListOverRest(*rest_, request);
      (void)ListRuns(*grpc_, request);
    }

   private:
    std::unique_ptr<RestConnection> rest_;
    std::unique_ptr<api::RunService::Stub> grpc_;
  };

  const ListCall& CallNumber(int i) const { return calls_[static_cast<size_t>(i) % calls_.size()]; }

  static void OnReaders(const std::function<void(int)>& read) {
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) readers.emplace_back(read, i);
    for (std::thread& reader : readers) reader.join();
  }

  // Each reader on a thread of its own, until all have ended, while runs are created.
  void WhileWriting(const std::function<void(int)>& read) const {
    std::atomic<bool> stop = false;
    std::thread writer([&] { Write(stop); });
    OnReaders(read);
    stop = true;
    writer.join();
  }

  void Write(const std::atomic<bool>& stop) const {
    const auto runs = api::RunService::NewStub(Connect(server_.target));
    const api::CreateRunRequest request = RunOf(server_.version_id, "written meanwhile");
    for (auto due = SteadyClock::now(); !stop;
         due += std::chrono::microseconds(1'000'000 / kCreatesPerSecond)) {
      std::this_thread::sleep_until(due);
      grpc::ClientContext context;
      api::Run run;
      Check(runs->CreateRun(&context, request, &run), "CreateRun");
    }
  }

  const ListedServer server_;
  const std::unique_ptr<api::RunService::Stub> runs_;
  const std::vector<ListCall> calls_;
};

}  // namespace

Json Lists(const ListedServer& large, const ListedServer& small, int rounds) {
  Side large_side(large, /*all_pages=*/true);
  Side small_side(small, /*all_pages=*/true);
  // By the size of the store and the load. What disturbs the machine disturbs both sizes alike.
  const std::array sides = {std::pair("large", &large_side), std::pair("small", &small_side)};
  std::map<std::string, std::map<std::string, Gathered>> found;
  for (int round = 0; round < rounds; ++round) {
    for (const auto& [size, side] : sides) side->Paced(/*over_rest=*/false, found[size]["grpc"]);
    for (const auto& [size, side] : sides) side->Paced(/*over_rest=*/true, found[size]["rest"]);
    for (const auto& [size, side] : sides) side->Full(found[size]["full"]);
  }
  Json result = Json::object();
  for (const auto& [size, loads] : found) {
    for (const auto& [load, gathered] : loads) result[size][load] = gathered.Summary();
  }
  for (const auto& [size, side] : sides) result[size]["substring"] = side->Substrings();
  return result;
}

Json CreateWhileListed(const ListedServer& server, int callers, double seconds) {
  return {{"per_second", Side(server, /*all_pages=*/false).CreateRate(callers, seconds)}};
}

}  // namespace penstock::bench
