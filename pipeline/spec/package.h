// The pipeline file inside an uploaded package.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace penstock {

// The text of the pipeline in the uploaded file `bytes`. By file name, case-sensitive: .yaml, .yml and .json
// are the text itself. Otherwise by content, as KFP does: zip ("PK") and gzipped tar (1F 8B), of which the
// file named exactly pipeline.yaml is taken, else the first file, which must end in .yaml or .yml.
// Directories are passed over. The names in an archive are compared and never used as paths; links and other
// special files are never followed or taken.
//
// Returns INVALID_ARGUMENT for any other file, an archive that is damaged, encrypted or without such a file,
// and for more than limits::kPackageBytes, limits::kPackageEntries, limits::kPackageExtractedBytes or
// limits::kPackageScannedBytes; reading stops at the bound, so that an archive that unpacks to far more costs
// no more. Pure; safe from any thread.
absl::StatusOr<std::string> ExtractPackage(absl::string_view file_name, absl::string_view bytes);

}  // namespace penstock
