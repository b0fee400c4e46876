#include "server/commands/copy.h"

#include <cstdio>

#include "common/log.h"
#include "common/status_macros.h"
#include "storage/copy.h"
#include "storage/migrator.h"
#include "storage/store.h"

namespace penstock {
namespace {

constexpr absl::Duration kProgressInterval = absl::Seconds(5);

}  // namespace

absl::Status RunCopyCommand(const std::string& source_url, const std::string& target_url,
                            const Config& config) {
  const Clock& clock = RealClock::Instance();
  const StoreOptions as_it_is = {config.database_wait, /*migrate=*/false};
  ASSIGN_OR_RETURN(const auto source, Store::Open(source_url, clock, as_it_is));
  ASSIGN_OR_RETURN(const auto target, Store::Open(target_url, clock, as_it_is));
  RETURN_IF_ERROR(Migrator(target->database(), target->known_migrations(), clock).Apply().status());
  std::printf("from %s\nto   %s\n", source->description().c_str(), target->description().c_str());

  const absl::Time begun = clock.Now();
  absl::Time said_at = begun;
  CopyOptions options;
  options.on_progress = [&](const CopiedTable& so_far) {
    if (clock.Now() < said_at + kProgressInterval) return absl::OkStatus();
    said_at = clock.Now();
    spdlog::info("copying table={} rows={}", so_far.table, so_far.rows);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const auto copied, CopyStore(*source, *target, options));
  int64_t rows = 0;
  for (const CopiedTable& table : copied) {
    std::printf("%-20s %10lld rows  sha256 %s\n", table.table.c_str(), static_cast<long long>(table.rows),
                table.rows == 0 ? "-" : table.sha256.c_str());
    rows += table.rows;
  }
  const double seconds = absl::ToDoubleSeconds(clock.Now() - begun);
  std::printf("%lld rows copied and compared in %.1f s\n", static_cast<long long>(rows), seconds);
  return absl::OkStatus();
}

}  // namespace penstock
