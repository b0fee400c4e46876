#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace penstock {
namespace {

absl::StatusOr<CommandLine> Read(std::vector<std::string> arguments) {
  std::vector<char*> argv = {const_cast<char*>("penstock")};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return ReadCommandLine(static_cast<int>(argv.size()), argv.data());
}

TEST(Config, HasDefaultsForEverything) {
  const auto line = Read({"--data_dir=/tmp/d"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config.database_url, "sqlite:///tmp/d/penstock.db");
  EXPECT_EQ(line->config.grpc_listen, "127.0.0.1:8887");
  EXPECT_TRUE(line->config.serve_api);
  EXPECT_TRUE(line->config.run_scheduler);
  EXPECT_TRUE(line->config.gateway);
}

TEST(Config, TheCommandLineWinsOverTheEnvironmentAndThatOverTheFile) {
  const std::string path = ::testing::TempDir() + "/penstock_config_test.conf";
  std::ofstream(path) << "# settings\nmax_parallel_tasks = 3\nlog_level = warn\nactive_runs_max=7\n";
  setenv("PENSTOCK_MAX_PARALLEL_TASKS", "4", 1);
  setenv("PENSTOCK_LOG_LEVEL", "error", 1);
  const auto line = Read({"--config", path, "--log-level=debug"});
  unsetenv("PENSTOCK_MAX_PARALLEL_TASKS");
  unsetenv("PENSTOCK_LOG_LEVEL");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config.active_runs_max, 7);
  EXPECT_EQ(line->config.max_parallel_tasks, 4);
  EXPECT_EQ(line->config.log_level, "debug");
}

TEST(Config, ReadsAddressesAndSizes) {
  const auto line = Read({"--grpc_listen=off", "--http_listen=unix:/run/p/http", "--memory_budget=1GiB"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(line->config.grpc_listen, "off");
  EXPECT_EQ(line->config.http_listen, "unix:/run/p/http");
  EXPECT_EQ(line->config.memory_bytes, int64_t{1} << 30);
  EXPECT_EQ(Read({"--memory_budget=268435456"})->config.memory_bytes, 256 << 20);
  EXPECT_EQ(Read({"--grpc_listen=unix:/run/p/grpc"})->config.grpc_listen, "unix:/run/p/grpc");
  EXPECT_EQ(Read({"--public_url=https://ml.example.org/penstock/"})->config.public_url,
            "https://ml.example.org/penstock");
  EXPECT_EQ(Read({"--public_url="})->config.public_url, "");
}

TEST(Config, ReadsCommandsAndTheirWords) {
  using Action = CommandLine::Action;
  const auto list = Read({"envs", "list", "--data_dir=/tmp/d"});
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->action, Action::kEnvs);
  EXPECT_EQ(list->arguments, std::vector<std::string>{"list"});
  EXPECT_EQ(list->config.data_dir, "/tmp/d");
  EXPECT_EQ(Read({"envs", "prune", "--help"})->action, Action::kHelp);
  EXPECT_FALSE(Read({"--data_dir=/tmp/d", "envs", "list"}).ok());
  EXPECT_FALSE(Read({"envs", "list", "all"}).ok());
}

TEST(Config, KnowsTheWordsOfTheCommandLine) {
  EXPECT_THAT(HelpText(), testing::HasSubstr("penstock run FILE|PIPELINE"));
  EXPECT_THAT(HelpText(), testing::HasSubstr("penstock diff RUN RUN"));
  EXPECT_THAT(Read({"stauts"}).status().message(), testing::HasSubstr("did you mean 'status'"));
}

TEST(Config, SaysWhatIsWrongAndWhatWouldBeRight) {
  const std::pair<std::string, std::string> cases[] = {
      {"--dat_dir=/x", "did you mean 'data_dir'"},
      {"--role=boss", "all, server or scheduler"},
      {"--grpc_listen=8887", "host:port"},
      {"--http_listen=off", "unix:PATH"},
      {"--http_listen=unix:", "the path of a socket file"},
      {"--public_url=ml.example.org", "http:// or https:// and a host"},
      {"--public_url=http://", "http:// or https:// and a host"},
      {"--public_url=http:///path", "http:// or https:// and a host"},
      {"--public_url=https://ml.example.org/?a=b", "http:// or https:// and a host"},
      {"--memory_budget=1MiB", "a number of bytes from"},
      {"--memory_budget=512MB", "for example 512MiB"},
      {"--memory_budget=9999999999GiB", "a number of bytes from"},
      {"--max_parallel_tasks=many", "a whole number from 0"},
      {"--python=no-such-python", "the Python interpreter"},
      {"--python=/no/such/python", "the Python interpreter"},
      {"--gateway=maybe", "'on' or 'off'"},
      {"--config=/no/such/file", "cannot be read"},
      {"stray", "no command 'stray'"},
      {"--python_envs_bytes=-1", "a whole number from 0"},
      {"--warm_python=maybe", "'on' or 'off'"},
      {"--warm_python_bytes=-1", "a whole number from 0"},
      {"--warm_python_imports=numpy pandas", "names of Python packages"},
      {"--package_url_hosts=", "'*.example.com', '*' or 'none'"},
      {"--package_url_hosts=a.org,*b.org", "'*.example.com', '*' or 'none'"},
      {"--package_url_timeout_s=0", "a whole number from 1"},
      {"--cache=maybe", "'on' or 'off'"},
      {"--cache_max_age_s=-1", "a whole number from 0"},
      {"--executors=slurm", "local, kubernetes, or both"},
      {"--executors=local,local", "local, kubernetes, or both"},
      {"--executors=kubernetes", "with the executor kubernetes"},
      {"--namespace_executors=team=kubernetes", "that --executors names"},
      {"envs", "penstock envs list|prune"},
      {"--data_dir", "needs a value"},
  };
  for (const auto& [argument, text] : cases) {
    const auto line = Read({argument});
    EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument) << argument;
    EXPECT_THAT(std::string(line.status().message()), ::testing::HasSubstr(text));
  }
}

TEST(Config, HostsOfPackagesAreAList) {
  const auto hosts = [](const std::string& flag) { return Read({flag})->config.package_url_hosts; };
  EXPECT_THAT(hosts("--role=all"), ::testing::Contains("raw.githubusercontent.com"));
  EXPECT_THAT(hosts("--package_url_hosts=none"), ::testing::IsEmpty());
  EXPECT_THAT(hosts("--package_url_hosts=A.org, *.b.org"), ::testing::ElementsAre("a.org", "*.b.org"));
}

TEST(Config, HelpNamesEverySetting) {
  const auto line = Read({"--help"});
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->action, CommandLine::Action::kHelp);
  for (const char* name : {"--data_dir", "--python", "--config", "--version"}) {
    EXPECT_THAT(HelpText(), ::testing::HasSubstr(name));
  }
}

}  // namespace
}  // namespace penstock
