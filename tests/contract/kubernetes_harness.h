// Test support: the Kubernetes executor on a cluster that PENSTOCK_TEST_KUBECONFIG names, whose node is this machine and
// has the images of tests/kubernetes/images.py.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/side_program.h"
#include "content/local/local_content_store.h"
#include "executor/kubernetes/kubernetes_executor.h"
#include "executor/kubernetes/pod_log_store.h"
#include "tests/contract/executor_contract.h"

namespace penstock {

// Attempts have their work directories on this machine, behind a hostPath volume.
class KubernetesHarness final : public ExecutorHarness {
 public:
  // Null if there is no cluster; a test failure besides if PENSTOCK_TEST_KUBERNETES is "required".
  static std::unique_ptr<ExecutorHarness> Make();

  ~KubernetesHarness() override;

  std::unique_ptr<Executor> MakeExecutor(const HarnessOptions& options) override;
  LaunchSpec NewSpec(std::vector<std::string> argv) override;
  bool MeasuresUsage() const override { return true; }
  bool TellsLocalArtifactsApart() const override { return false; }
  bool CountsProcessors() const override { return false; }
  bool BeginsInWorkDirectory() const override { return false; }
  bool KnowsAtOnce() const override { return false; }
  int Scale(int count) const override { return std::max(count / 10, 4); }
  std::string ReadLog(const LaunchSpec& spec) override;
  bool FileExists(const std::string& path) override;
  bool IsKept(const LaunchSpec& spec) override;

 private:
  explicit KubernetesHarness(std::string kubeconfig);

  Uuid7Generator ids_;
  const std::string kubeconfig_;
  std::string folder_;
  std::string server_id_;
  std::string work_root_;
  std::unique_ptr<LocalContentStore> kept_;
  std::unique_ptr<SideProgram>
      program_;  // another for each executor: a server's restart is one of the program too
  std::unique_ptr<PodLogStore> logs_;
  std::vector<std::string> attempt_ids_;
};

}  // namespace penstock
