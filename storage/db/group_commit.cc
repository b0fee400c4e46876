#include "storage/db/group_commit.h"

#include <algorithm>
#include <vector>

#include "absl/cleanup/cleanup.h"

namespace penstock::db {
namespace {

constexpr size_t kGroupMax = 256;  // bounds how long the first of a group waits for the last
constexpr int kRunsAgainMax = 3;   // of one group

}  // namespace

absl::Status GroupCommit::Write(TxBody body) {
  Waiter waiter(body);
  absl::MutexLock lock(&mutex_);
  queue_.push_back(&waiter);
  // Whoever is at the head leads. The others are woken when they are done, or have come to the head.
  while (!waiter.done && queue_.front() != &waiter) waiter.changed.Wait(&mutex_);
  if (waiter.done) return waiter.status;

  // The group stays in the queue while its bodies run: whoever comes meanwhile sees that there is a leader,
  // and waits.
  const size_t size = std::min(queue_.size(), kGroupMax);
  const std::vector<Waiter*> group(queue_.begin(), queue_.begin() + size);
  mutex_.Unlock();
  CommitTogether(group);
  mutex_.Lock();

  for (Waiter* member : group) {
    queue_.pop_front();
    member->done = true;
    if (member != &waiter) member->changed.Signal();
  }
  // Those who came meanwhile get a leader of their own, so that nobody leads for longer than one group.
  if (!queue_.empty()) queue_.front()->changed.Signal();
  return waiter.status;
}

// Marks cost as much as a small write, and failures are rare: the group is first tried without, and if a
// member fails everybody's body runs again, now with a mark each.
void GroupCommit::CommitTogether(Group group) {
  bool marks = false;
  for (int runs_again = 0; runs_again <= kRunsAgainMax;) {
    const Outcome outcome = TryCommit(group, marks);
    if (outcome == Outcome::kEnded) return;
    if (outcome == Outcome::kUseMarks) {
      marks = true;
    } else {
      ++runs_again;
    }
  }
}

GroupCommit::Outcome GroupCommit::FailAll(Group group, const absl::Status& status) {
  for (Waiter* member : group) {
    // Who has failed already keeps its own error.
    if (member->status.ok()) member->status = status;
  }
  return writer_.MayRunAgain() ? Outcome::kRunAgain : Outcome::kEnded;
}

// Without marks nothing is committed if a member failed.
GroupCommit::Outcome GroupCommit::TryCommit(Group group, bool marks) {
  for (Waiter* member : group) member->status = absl::OkStatus();
  if (const absl::Status begun = writer_.Begin(); !begun.ok()) return FailAll(group, begun);
  const auto end = absl::MakeCleanup([this] { writer_.Rollback(); });
  (void)writer_.tx().TakeChanges();  // of what was rolled back

  bool any = false;
  for (Waiter* member : group) {
    if (marks) {
      // Without its mark a member that fails could not be taken back alone.
      if (const absl::Status marked = writer_.SetMark(); !marked.ok()) return FailAll(group, marked);
    }
    member->status = writer_.EndBody(member->body(writer_.tx()));
    if (!writer_.InTransaction() || writer_.MayRunAgain()) {  // nobody's write remains
      return FailAll(group, member->status.ok()
                                ? absl::AbortedError("the database rolled the transaction back")
                                : member->status);
    }
    // Nobody's own failure: the others would wait for the database as long, one after the other.
    if (absl::IsUnavailable(member->status)) return FailAll(group, member->status);
    any |= member->status.ok();
    if (member->status.ok()) {
      if (marks) (void)writer_.ReleaseMark();
    } else if (marks) {
      if (const absl::Status back = writer_.ReturnToMark(); !back.ok()) return FailAll(group, back);
    } else {
      // One member needs no marks: all that is taken back is its own.
      return group.size() == 1 ? Outcome::kEnded : Outcome::kUseMarks;
    }
  }
  if (!any) return Outcome::kEnded;  // nothing is worth a sync
  const Changes changes = writer_.tx().TakeChanges();
  if (const absl::Status committed = writer_.Commit(); !committed.ok()) return FailAll(group, committed);
  if (listener_ != nullptr && !changes.empty()) listener_(changes);
  return Outcome::kEnded;
}

}  // namespace penstock::db
