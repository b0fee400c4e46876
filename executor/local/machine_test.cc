#include "executor/local/machine.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

namespace fs = std::filesystem;

class MachineTest : public testing::Test {
 protected:
  MachineTest() { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const fs::path file = absl::StrCat(root_, path);
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  const std::string root_ = absl::StrCat(testing::TempDir(), "/machine_test");
};

TEST_F(MachineTest, ReadsWhatTheFilesSay) {
  Write("/proc/sys/kernel/hostname", "node-7\n");
  Write("/proc/sys/kernel/ostype", "Linux\n");
  Write("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n");
  Write("/etc/os-release", "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  Write("/proc/cpuinfo", "processor\t: 0\nmodel name\t: A CPU @ 2.50GHz\nprocessor\t: 1\nmodel name\t: B\n");
  Write("/proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n");
  Write("/proc/driver/nvidia/gpus/0000:02:00.0/information", "Model: \t\t B100\nIRQ: 1\n");
  Write("/proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t A100\nIRQ: 1\n");
  const Machine machine = ReadMachine(root_);
  EXPECT_EQ(machine.hostname, "node-7");
  EXPECT_EQ(machine.kernel, "Linux 6.1.0-18-amd64");
  EXPECT_EQ(machine.os, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(machine.cpu_model, "A CPU @ 2.50GHz");
  EXPECT_EQ(machine.memory_bytes, int64_t{16384000} << 10);
  EXPECT_THAT(machine.gpus, testing::ElementsAre("A100", "B100"));
  EXPECT_FALSE(machine.architecture.empty());
  EXPECT_GT(machine.cpus, 0);
}

TEST_F(MachineTest, WhatIsMissingOrStrangeIsLeftEmpty) {
  Write("/proc/meminfo", "MemTotal: many kB\n");
  Write("/proc/sys/kernel/hostname", "a\tb\xff\n");
  const Machine machine = ReadMachine(root_);
  EXPECT_EQ(machine.hostname, "a?b?");
  EXPECT_EQ(machine.kernel, "");
  EXPECT_EQ(machine.os, "");
  EXPECT_EQ(machine.cpu_model, "");
  EXPECT_EQ(machine.memory_bytes, 0);
  EXPECT_TRUE(machine.gpus.empty());
}

}  // namespace
}  // namespace penstock
